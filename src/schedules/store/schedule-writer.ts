import { databaseMessageOf, isRefusal } from '../../database/database-errors.ts';
import type { SqlNow } from '../../database/sql-now.ts';
import { setUpdated, toUpdatedRow, updatedRecord } from '../../flags/store/flag-state-rows.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import { type Changed, OutcomeRefusedError, type ScheduleWriter } from '../commands/schedule-store.ts';
import type { Schedule } from '../model/schedule.ts';
import { cancelMatching, cancelWhere } from './cancel-schedules.ts';
import { claimDue, holdSchedule } from './due-schedules.ts';
import { makeOpenScheduleReader } from './open-schedules.ts';
import { scheduleColumns, toSchedule } from './schedule-rows.ts';
import { findRetries } from './schedule-store.ts';

const maxRetriesInEvent = 20;

export const makeScheduleWriter = (tx: Prisma.TransactionClient, sqlNow: SqlNow): ScheduleWriter => ({
  ...makeOpenScheduleReader(tx),
  find: async (id) => {
    const row = await tx.schedule.findUnique({ where: { id } });
    return row && toSchedule(row);
  },
  upcomingRetries: async (of) => (await findRetries(tx, [of], maxRetriesInEvent))[0] ?? { total: 0, soonest: [] },
  // Raw SQL, because Prisma's createMany takes four times as long for one row.
  add: async (schedule) =>
    (await tx.$executeRaw`
      INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_by, max_retries,
        idempotency_key, created_at, updated_at)
      VALUES (${schedule.id}::uuid, ${schedule.flagId}::uuid, ${schedule.flagKey}, ${schedule.environment}, ${schedule.scheduledAt},
        ${JSON.stringify(schedule.updates)}::jsonb, ${schedule.createdBy}, ${schedule.maxRetries}, ${schedule.idempotencyKey},
        ${schedule.createdAt}, ${schedule.createdAt})
      ON CONFLICT DO NOTHING`) === 1,
  // Uses the same expression as the unique index. A condition on created_by alone would read every schedule of the admin.
  findByIdempotencyKey: async (createdBy, idempotencyKey) => {
    const [row] = await tx.$queryRaw<Row[]>`SELECT ${scheduleColumns} FROM feature_flag_schedules d
      WHERE coalesce(d.created_by, '') = coalesce(${createdBy}, '') AND d.idempotency_key = ${idempotencyKey}`;
    return row ? toSchedule(row) : null;
  },
  // The clock is read outside the subquery, so that it is read after the lock is taken.
  findLocked: async (id) => {
    const [row] = await tx.$queryRaw<(Row & { now: Date })[]>`SELECT locked.*, ${sqlNow()} AS now FROM (
      SELECT ${scheduleColumns} FROM feature_flag_schedules d WHERE d.id = ${id}::uuid FOR UPDATE) locked`;
    return row ? { schedule: toSchedule(row), now: row.now } : null;
  },
  save: async (schedule) => {
    const requested = schedule.requested && JSON.stringify(schedule.requested);
    await tx.$executeRaw`
      UPDATE feature_flag_schedules SET scheduled_at = ${schedule.scheduledAt}, updates = ${JSON.stringify(schedule.updates)}::jsonb,
        max_retries = ${schedule.maxRetries}, status = ${schedule.status}, error_message = ${schedule.errorMessage},
        retry_count = ${schedule.retryCount}, next_retry_at = ${schedule.nextRetryAt}, requested = ${requested}::jsonb,
        decided_at = ${schedule.decidedAt}, tried_state_version = ${schedule.triedStateVersion}, tried_flag_version = ${schedule.triedFlagVersion},
        version = ${schedule.version}, updated_at = ${sqlNow()}
      WHERE id = ${schedule.id}::uuid`;
  },
  cancelOpen: async ({ id, ...cancellation }) =>
    (await cancelWhere(tx, Prisma.sql`d.id = ${id}::uuid`, { ...cancellation, sqlNow }))[0] ?? null,
  cancelAllOpen: ({ flagId, ...cancellation }) =>
    cancelWhere(tx, Prisma.sql`d.flag_id = ${flagId}::uuid`, { ...cancellation, sqlNow }),
  cancelMatching: ({ filter, max, ...cancellation }) => cancelMatching(tx, { filter, max }, { ...cancellation, sqlNow }),
  hold: (id) => holdSchedule(tx, id, sqlNow),
  claimDue: (limit, options) => claimDue(tx, limit, options?.except ?? []),
  saveOutcomes: async (schedules, changed) => {
    try {
      await saveOutcomes(tx, schedules, changed);
    } catch (error) {
      if (isRefusal(error)) throw new OutcomeRefusedError(databaseMessageOf(error), error);
      throw error;
    }
  },
});

/** Uses one statement for any number of schedules, states and flags. */
const saveOutcomes = async (tx: Prisma.TransactionClient, schedules: readonly Schedule[], { flags, states }: Changed) => {
  const scheduleRows = schedules.map(({ id, status, appliedAt, errorMessage, retryCount, nextRetryAt, version, ...tried }) => ({
    id,
    status,
    applied_at: appliedAt,
    error_message: errorMessage,
    retry_count: retryCount,
    next_retry_at: nextRetryAt,
    tried_state_version: tried.triedStateVersion,
    tried_flag_version: tried.triedFlagVersion,
    version,
  }));
  const stateRows = [...states.values()].map(toUpdatedRow);
  const flagRows = [...flags.values()].map(({ id, status, version, statusLastSet }) => ({
    id,
    status,
    version,
    last_set: statusLastSet,
  }));
  await tx.$executeRaw`
    WITH schedules AS (
      UPDATE feature_flag_schedules d SET status = o.status, applied_at = o.applied_at, error_message = o.error_message,
        last_error = coalesce(o.error_message, d.last_error),
        last_error_at = CASE WHEN o.error_message IS NULL THEN d.last_error_at ELSE now() END,
        retry_count = o.retry_count, next_retry_at = o.next_retry_at,
        tried_state_version = o.tried_state_version, tried_flag_version = o.tried_flag_version, version = o.version, updated_at = now()
      FROM jsonb_to_recordset(${JSON.stringify(scheduleRows)}::jsonb) AS o (id uuid, status text, applied_at timestamptz,
        error_message text, retry_count smallint, next_retry_at timestamptz, tried_state_version int, tried_flag_version int, version int)
      WHERE d.id = o.id
    ), flags AS (
      UPDATE feature_flags f SET status = o.status, version = o.version,
        updated_at = CASE WHEN f.version <> o.version THEN now() ELSE f.updated_at END,
        status_last_set = o.last_set
      FROM jsonb_to_recordset(${JSON.stringify(flagRows)}::jsonb) AS o (id uuid, status text, version int, last_set jsonb)
      WHERE f.id = o.id
    )
    UPDATE feature_flag_states s SET ${setUpdated}
    FROM jsonb_to_recordset(${JSON.stringify(stateRows)}::jsonb) AS o (${updatedRecord})
    WHERE s.flag_id = o.flag_id AND s.environment_key = o.environment_key`;
};
