import type { FlagStatus, FlagType } from '../../domain/flags/flag.ts';
import type { Variant } from '../../domain/flags/variant.ts';
import type { LastApplied, LockedFlag } from '../../domain/schedules/apply-schedule.ts';
import type { Schedule, ScheduleStatus } from '../../domain/schedules/schedule.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import { type Changed, type DueSchedule, OutcomeRefusedError, type ScheduleWriter } from '../../ports/schedule-store.ts';
import { databaseMessageOf, isRefusal } from './database-errors.ts';
import { type StateRow, toFlagState, toSchedule } from './rows.ts';
import { dueAt, isOpen, scheduleColumns } from './schedule-store.ts';

/** Schedules in one transaction. */
export const makeScheduleWriter = (tx: Prisma.TransactionClient): ScheduleWriter => ({
  find: async (id) => {
    const row = await tx.schedule.findUnique({ where: { id } });
    return row && toSchedule(row);
  },
  // A statement of our own: Prisma's createMany takes four times as long for one row.
  add: async (schedule) =>
    (await tx.$executeRaw`
      INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_by, max_retries,
        idempotency_key, created_at, updated_at)
      VALUES (${schedule.id}::uuid, ${schedule.flagId}::uuid, ${schedule.flagKey}, ${schedule.environment}, ${schedule.scheduledAt},
        ${JSON.stringify(schedule.updates)}::jsonb, ${schedule.createdBy}, ${schedule.maxRetries}, ${schedule.idempotencyKey},
        ${schedule.createdAt}, ${schedule.createdAt})
      ON CONFLICT DO NOTHING`) === 1,
  // Spelled as the unique index has it: by created_by alone it would read all that an admin ever scheduled.
  findByIdempotencyKey: async (createdBy, idempotencyKey) => {
    const [row] = await tx.$queryRaw<Row[]>`SELECT ${scheduleColumns} FROM feature_flag_schedules d
      WHERE coalesce(d.created_by, '') = coalesce(${createdBy}, '') AND d.idempotency_key = ${idempotencyKey}`;
    return row ? toSchedule(row) : null;
  },
  cancelOpen: async ({ id, ...cancellation }) => (await cancelWhere(tx, Prisma.sql`d.id = ${id}::uuid`, cancellation))[0] ?? null,
  cancelAllOpen: ({ flagId, ...cancellation }) => cancelWhere(tx, Prisma.sql`d.flag_id = ${flagId}::uuid`, cancellation),
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

type Cancellation = { cancelledBy: string | null; cancelledAt: Date; reason: string | null };

/** Locks the rows first: the status before the change is part of the answer, and a worker that holds a row goes first. */
const cancelWhere = async (
  tx: Prisma.TransactionClient,
  where: Prisma.Sql,
  { cancelledBy, cancelledAt, reason }: Cancellation,
) => {
  const rows = await tx.$queryRaw<(Row & { before: ScheduleStatus })[]>`
    WITH locked AS (
      SELECT d.id, d.status AS before FROM feature_flag_schedules d WHERE ${where} AND ${isOpen}
      ORDER BY d.scheduled_at, d.id FOR UPDATE
    ), cancelled AS (
      UPDATE feature_flag_schedules d SET status = 'CANCELLED', cancelled_by = ${cancelledBy}, cancelled_at = ${cancelledAt},
        cancel_reason = ${reason}, updated_at = ${cancelledAt}, next_retry_at = NULL, error_message = NULL
      FROM locked WHERE d.id = locked.id RETURNING ${scheduleColumns}, locked.before
    )
    SELECT * FROM cancelled ORDER BY "scheduledAt", id`;
  return rows.map(({ before, ...row }) => ({ schedule: toSchedule(row), before }));
};

type HeldColumns = Omit<StateRow, 'flagId' | 'updatedAt'> & {
  stateUpdatedAt: Date;
  environmentEnabled: boolean;
  lastScheduledAt: Date | null;
  lastScheduleId: string | null;
  flagType: FlagType;
  flagVariants: Variant[] | null;
  flagStatus: FlagStatus;
  flagVersion: number;
  flagEmergency: LockedFlag['emergency'];
  lastStatusScheduledAt: Date | null;
  lastStatusScheduleId: string | null;
};

/**
 * Claims flags, not schedules: two workers that skipped each other's rows could otherwise commit 09:01 before 09:00 of one flag.
 * Nor only some of a flag's environments, because its status is the same in all of them. Whoever changes a state locks its
 * flag first; those who only refer to the flag, such as new schedules, are not kept out. The rows are read in a second
 * statement, whose snapshot is younger than the locks.
 */
const claimDue = async (
  tx: Prisma.TransactionClient,
  limit: number,
  except: readonly string[],
): Promise<{ now: Date; due: DueSchedule[] }> => {
  const isDue = Prisma.sql`${isOpen} AND ${dueAt} <= now() AND d.id <> ALL (${[...except]}::uuid[])`;
  const held = await tx.$queryRaw<{ now: Date; flagId: string }[]>`
    SELECT now()::timestamptz(3) AS now, f.id AS "flagId"
    FROM feature_flag_schedules d JOIN feature_flag_states s ON s.flag_id = d.flag_id AND s.environment_key = d.environment_key
    JOIN feature_flags f ON f.id = d.flag_id
    WHERE ${isDue} ORDER BY ${dueAt}, d.id LIMIT ${limit} FOR NO KEY UPDATE OF f SKIP LOCKED`;
  const flagIds = [...new Set(held.map(({ flagId }) => flagId))];
  const rows = flagIds.length ? await readDue(tx, { flagIds, isDue, limit }) : [];
  const orphans = rows.length < limit ? await claimOrphans(tx, { isDue, limit: limit - rows.length }) : [];
  const due = [...rows.map(toDueSchedule), ...orphans.map((row) => ({ schedule: toSchedule(row), held: null }))];
  return { now: held[0]?.now ?? orphans[0]?.now ?? new Date(0), due };
};

type Claim = { isDue: Prisma.Sql; limit: number };

const readDue = (tx: Prisma.TransactionClient, { flagIds, isDue, limit }: Claim & { flagIds: string[] }) =>
  tx.$queryRaw<(Row & HeldColumns)[]>`
    SELECT ${scheduleColumns}, s.enabled, s.rollout_percentage AS "rolloutPercentage", s.default_variant AS "defaultVariant",
      s.rules, s.overrides, s.experiment, s.emergency, s.version, s.updated_at AS "stateUpdatedAt",
      s.last_scheduled_at AS "lastScheduledAt", s.last_schedule_id AS "lastScheduleId", e.enabled AS "environmentEnabled",
      f.type AS "flagType", f.status AS "flagStatus", f.version AS "flagVersion",
      f.last_status_scheduled_at AS "lastStatusScheduledAt", f.last_status_schedule_id AS "lastStatusScheduleId",
      CASE WHEN d.updates ?| ARRAY['defaultVariant', 'rules'] THEN f.variants END AS "flagVariants",
      CASE WHEN d.updates ? 'status' THEN (
        SELECT o.emergency || jsonb_build_object('environment', o.environment_key) FROM feature_flag_states o
        WHERE o.flag_id = f.id AND o.emergency IS NOT NULL ORDER BY o.environment_key LIMIT 1) END AS "flagEmergency"
    FROM unnest(${flagIds}::uuid[]) AS held (flag_id)
    JOIN feature_flags f ON f.id = held.flag_id
    JOIN feature_flag_schedules d ON d.flag_id = held.flag_id
    JOIN feature_flag_states s ON s.flag_id = held.flag_id AND s.environment_key = d.environment_key
    JOIN environments e ON e.key = d.environment_key
    WHERE ${isDue} ORDER BY d.scheduled_at, d.id LIMIT ${limit} FOR UPDATE OF d`;

/** Due schedules without a flag state to lock: their flag was deleted behind Flagtrail's back. */
const claimOrphans = (tx: Prisma.TransactionClient, { isDue, limit }: Claim) =>
  tx.$queryRaw<(Row & { now: Date })[]>`
    SELECT ${scheduleColumns}, now()::timestamptz(3) AS now FROM feature_flag_schedules d
    WHERE ${isDue} AND NOT EXISTS (
      SELECT 1 FROM feature_flag_states s WHERE s.flag_id = d.flag_id AND s.environment_key = d.environment_key)
    ORDER BY ${dueAt}, d.id LIMIT ${limit} FOR UPDATE OF d SKIP LOCKED`;

const toDueSchedule = (row: Row & HeldColumns): DueSchedule => ({
  schedule: toSchedule(row),
  held: {
    flag: {
      id: row.flagId ?? '',
      key: row.flagKey,
      type: row.flagType,
      variants: row.flagVariants ?? [],
      status: row.flagStatus,
      version: row.flagVersion,
      emergency: row.flagEmergency,
      lastStatusApplied: toLastApplied(row.lastStatusScheduledAt, row.lastStatusScheduleId),
    },
    state: {
      ...toFlagState({ ...row, flagId: row.flagId ?? '', updatedAt: row.stateUpdatedAt }),
      environmentEnabled: row.environmentEnabled,
      lastApplied: toLastApplied(row.lastScheduledAt, row.lastScheduleId),
    },
  },
});

const toLastApplied = (scheduledAt: Date | null, id: string | null): LastApplied =>
  scheduledAt && id ? { scheduledAt, id } : null;

/** One statement for any number of schedules, states and flags. */
const saveOutcomes = async (tx: Prisma.TransactionClient, schedules: readonly Schedule[], { flags, states }: Changed) => {
  const scheduleRows = schedules.map(({ id, status, appliedAt, errorMessage, retryCount, nextRetryAt }) => ({
    id,
    status,
    applied_at: appliedAt,
    error_message: errorMessage,
    retry_count: retryCount,
    next_retry_at: nextRetryAt,
  }));
  const stateRows = [...states.values()].map(({ flagId, environment, lastApplied, ...state }) => ({
    flag_id: flagId,
    environment_key: environment,
    enabled: state.enabled,
    rollout_percentage: state.rolloutPercentage,
    default_variant: state.defaultVariant,
    rules: state.rules,
    version: state.version,
    updated_at: state.updatedAt,
    last_scheduled_at: lastApplied?.scheduledAt,
    last_schedule_id: lastApplied?.id,
  }));
  const flagRows = [...flags.values()].map(({ id, status, version, lastStatusApplied }) => ({
    id,
    status,
    version,
    last_at: lastStatusApplied?.scheduledAt,
    last_id: lastStatusApplied?.id,
  }));
  await tx.$executeRaw`
    WITH schedules AS (
      UPDATE feature_flag_schedules d SET status = o.status, applied_at = o.applied_at, error_message = o.error_message,
        last_error = coalesce(o.error_message, d.last_error), retry_count = o.retry_count, next_retry_at = o.next_retry_at, updated_at = now()
      FROM jsonb_to_recordset(${JSON.stringify(scheduleRows)}::jsonb) AS o (id uuid, status text, applied_at timestamptz,
        error_message text, retry_count smallint, next_retry_at timestamptz)
      WHERE d.id = o.id
    ), flags AS (
      UPDATE feature_flags f SET status = o.status, version = o.version,
        updated_at = CASE WHEN f.version <> o.version THEN now() ELSE f.updated_at END,
        last_status_scheduled_at = o.last_at, last_status_schedule_id = o.last_id
      FROM jsonb_to_recordset(${JSON.stringify(flagRows)}::jsonb) AS o (id uuid, status text, version int, last_at timestamptz, last_id uuid)
      WHERE f.id = o.id
    )
    UPDATE feature_flag_states s SET enabled = o.enabled, rollout_percentage = o.rollout_percentage, default_variant = o.default_variant,
      rules = o.rules, version = o.version, updated_at = o.updated_at, last_scheduled_at = o.last_scheduled_at, last_schedule_id = o.last_schedule_id
    FROM jsonb_to_recordset(${JSON.stringify(stateRows)}::jsonb) AS o (flag_id uuid, environment_key text, enabled boolean,
      rollout_percentage smallint, default_variant text, rules jsonb, version int, updated_at timestamptz, last_scheduled_at timestamptz, last_schedule_id uuid)
    WHERE s.flag_id = o.flag_id AND s.environment_key = o.environment_key`;
};
