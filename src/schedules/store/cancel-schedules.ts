import { isOpen } from '../../database/open-schedules.ts';
import type { SqlNow } from '../../database/sql-now.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import type { Cancellation, Cancelled } from '../commands/schedule-store.ts';
import type { ScheduleStatus } from '../model/schedule.ts';
import type { ScheduleFilter } from '../model/schedule-filter.ts';
import { listSchedules, toWholeWhere } from './schedule-list.ts';
import { scheduleColumns, toSchedule } from './schedule-rows.ts';

type Deed = Cancellation & { sqlNow: SqlNow };

/**
 * Cancels the open schedules of a condition. Locks the rows first: the status before the change is part of the answer, and a
 * worker that holds a row goes first. The clock is read once they are locked.
 */
export const cancelWhere = async (
  tx: Prisma.TransactionClient,
  where: Prisma.Sql,
  { cancelledBy, reason, sqlNow }: Deed,
): Promise<Cancelled[]> => {
  const rows = await tx.$queryRaw<(Row & { before: ScheduleStatus })[]>`
    WITH locked AS (
      SELECT d.id, d.status AS before FROM feature_flag_schedules d WHERE ${where} AND ${isOpen}
      ORDER BY d.scheduled_at, d.id FOR UPDATE
    ), clock AS MATERIALIZED (
      SELECT ${sqlNow()} AS now FROM (SELECT count(*) FROM locked) counted
    ), cancelled AS (
      UPDATE feature_flag_schedules d SET status = 'CANCELLED', cancelled_by = ${cancelledBy}, cancelled_at = clock.now,
        cancel_reason = ${reason}, updated_at = clock.now, next_retry_at = NULL, error_message = NULL, version = d.version + 1
      FROM locked, clock WHERE d.id = locked.id RETURNING ${scheduleColumns}, locked.before
    )
    SELECT * FROM cancelled ORDER BY "scheduledAt", id`;
  return rows.map(({ before, ...row }) => ({ schedule: toSchedule(row), before }));
};

/** Cancels the open schedules that a filter matches, or none where they are more than `max`: then their number. */
export const cancelMatching = async (
  tx: Prisma.TransactionClient,
  { filter, max }: { filter: ScheduleFilter; max: number },
  deed: Deed,
): Promise<Cancelled[] | { tooMany: number }> => {
  const open = { ...filter, open: true };
  const ids = (await listSchedules(tx, open, 'scheduledAt', { limit: max + 1, inverted: false })).map(({ id }) => id);
  if (ids.length > max) return { tooMany: await tx.schedule.count({ where: toWholeWhere(open) }) };
  // In the order in which workers lock, so that nobody waits in a circle.
  await tx.$queryRaw`
    SELECT 1 FROM feature_flag_schedules d WHERE d.id = ANY (${ids}::uuid[]) ORDER BY d.scheduled_at, d.id FOR UPDATE`;
  // What was edited until they were locked may be meant no more.
  const meant = await tx.schedule.findMany({ select: { id: true }, where: { AND: [{ id: { in: ids } }, toWholeWhere(open)] } });
  return cancelWhere(tx, Prisma.sql`d.id = ANY (${meant.map(({ id }) => id)}::uuid[])`, deed);
};
