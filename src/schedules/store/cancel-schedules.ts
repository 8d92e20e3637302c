import { isOpen } from '../../database/open-schedules.ts';
import type { SqlNow } from '../../database/sql-now.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import type { Cancellation, Cancelled } from '../commands/schedule-store.ts';
import type { ScheduleStatus } from '../model/schedule.ts';
import type { ScheduleFilter } from '../model/schedule-filter.ts';
import { listSchedules, toWhere } from './schedule-list.ts';
import { scheduleColumns, toSchedule } from './schedule-rows.ts';

type CancelOptions = Cancellation & { sqlNow: SqlNow };

/**
 * Cancels the open schedules that match a condition. Locks the rows first, because the answer needs the status before the
 * change, and a worker that holds a row must finish first. Reads the clock after the locks.
 */
export const cancelWhere = async (
  tx: Prisma.TransactionClient,
  where: Prisma.Sql,
  { cancelledBy, reason, sqlNow }: CancelOptions,
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

/** Cancels the open schedules that match a filter. If there are more than `max`, cancels none and returns their number. */
export const cancelMatching = async (
  tx: Prisma.TransactionClient,
  { filter, max }: { filter: ScheduleFilter; max: number },
  options: CancelOptions,
): Promise<Cancelled[] | { tooMany: number }> => {
  const open = { ...filter, open: true };
  const ids = (await listSchedules(tx, open, 'scheduledAt', { limit: max + 1, inverted: false })).map(({ id }) => id);
  if (ids.length > max) return { tooMany: await tx.schedule.count({ where: toWhere(open) }) };
  // Locks in the same order as workers do, so that no deadlock is possible.
  await tx.$queryRaw`
    SELECT 1 FROM feature_flag_schedules d WHERE d.id = ANY (${ids}::uuid[]) ORDER BY d.scheduled_at, d.id FOR UPDATE`;
  // An edit that committed before the lock can mean that a schedule no longer matches.
  const matching = await tx.schedule.findMany({
    select: { id: true },
    where: { AND: [{ id: { in: ids } }, toWhere(open)] },
  });
  return cancelWhere(tx, Prisma.sql`d.id = ANY (${matching.map(({ id }) => id)}::uuid[])`, options);
};
