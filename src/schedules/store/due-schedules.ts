import { isOpen } from '../../database/open-schedules.ts';
import type { SqlNow } from '../../database/sql-now.ts';
import type { FlagStatus } from '../../flags/model/flag-status.ts';
import type { FlagType } from '../../flags/model/flag-type.ts';
import type { Variant } from '../../flags/model/variant.ts';
import { readState, type StateColumns, stateColumns } from '../../flags/store/flag-state-rows.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import type { DueSchedule } from '../commands/schedule-store.ts';
import type { LockedFlag } from '../model/held.ts';
import { isBefore, orderOf } from '../model/schedule.ts';
import { dueAt, scheduleColumns, toSchedule } from './schedule-rows.ts';

type HeldColumns = StateColumns & {
  environmentEnabled: boolean;
  flagType: FlagType;
  flagVariants: Variant[] | null;
  flagStatus: FlagStatus;
  flagVersion: number;
  flagEmergency: LockedFlag['emergency'];
  statusLastSet: LockedFlag['statusLastSet'];
};

/**
 * Claims whole flags. If workers skipped each other's schedules instead, two of them could commit 09:01 before 09:00 of one
 * flag. Claiming single states is not enough either, because a flag has one status in all environments. Every change of a state
 * locks its flag first; rows that only refer to the flag, such as new schedules, are not blocked. A second statement reads the
 * rows, because its snapshot is newer than the locks.
 */
export const claimDue = async (
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
  const rows = flagIds.length ? await readHeld(tx, { flagIds, where: isDue, limit }) : [];
  const orphans = rows.length < limit ? await claimOrphans(tx, { where: isDue, limit: limit - rows.length }) : [];
  const now = held[0]?.now ?? orphans[0]?.now ?? new Date(0);
  // Sorts again: a row that was edited before it was locked keeps its old place in the result, but has its new instant.
  const place = ({ schedule }: DueSchedule) => orderOf(schedule, now);
  const ofFlags = rows.map(toDueSchedule).sort((a, b) => (isBefore(place(a), place(b)) ? -1 : 1));
  return { now, due: [...ofFlags, ...orphans.map((row) => ({ schedule: toSchedule(row), held: null }))] };
};

/**
 * Locks one schedule, due or not, as a worker does: first its flag, then the row in a second statement. The state needs no lock
 * of its own, because every change of a state locks its flag.
 */
export const holdSchedule = async (
  tx: Prisma.TransactionClient,
  id: string,
  sqlNow: SqlNow,
): Promise<(DueSchedule & { now: Date }) | null> => {
  const flags = await tx.$queryRaw<{ id: string }[]>`
    SELECT f.id FROM feature_flag_schedules d JOIN feature_flags f ON f.id = d.flag_id
    WHERE d.id = ${id}::uuid FOR NO KEY UPDATE OF f`;
  const where = Prisma.sql`d.id = ${id}::uuid`;
  const [row] = await readHeld(tx, { flagIds: flags.map((flag) => flag.id), where, limit: 1 });
  const [alone] = row
    ? []
    : await tx.$queryRaw<Row[]>`SELECT ${scheduleColumns} FROM feature_flag_schedules d WHERE ${where} FOR UPDATE`;
  const [clock] = await tx.$queryRaw<{ now: Date }[]>`SELECT ${sqlNow()} AS now`;
  const held = row ? toDueSchedule(row) : alone && { schedule: toSchedule(alone), held: null };
  return held && clock ? { ...held, now: clock.now } : null;
};

type Claim = { where: Prisma.Sql; limit: number };

const readHeld = (tx: Prisma.TransactionClient, { flagIds, where, limit }: Claim & { flagIds: string[] }) =>
  tx.$queryRaw<(Row & HeldColumns)[]>`
    SELECT ${scheduleColumns}, ${stateColumns}, e.enabled AS "environmentEnabled",
      f.type AS "flagType", f.status AS "flagStatus", f.version AS "flagVersion",
      f.status_last_set AS "statusLastSet",
      CASE WHEN d.updates ?| ARRAY['defaultVariant', 'rules'] THEN f.variants END AS "flagVariants",
      CASE WHEN d.updates ? 'status' THEN (
        SELECT o.emergency || jsonb_build_object('environment', o.environment_key) FROM feature_flag_states o
        WHERE o.flag_id = f.id AND o.emergency IS NOT NULL ORDER BY o.environment_key LIMIT 1) END AS "flagEmergency"
    FROM unnest(${flagIds}::uuid[]) AS held (flag_id)
    JOIN feature_flags f ON f.id = held.flag_id
    JOIN feature_flag_schedules d ON d.flag_id = held.flag_id
    JOIN feature_flag_states s ON s.flag_id = held.flag_id AND s.environment_key = d.environment_key
    JOIN environments e ON e.key = d.environment_key
    WHERE ${where} ORDER BY d.scheduled_at, d.id LIMIT ${limit} FOR UPDATE OF d`;

/** Due schedules without a state to lock: somebody deleted their flag directly in the database. */
const claimOrphans = (tx: Prisma.TransactionClient, { where, limit }: Claim) =>
  tx.$queryRaw<(Row & { now: Date })[]>`
    SELECT ${scheduleColumns}, now()::timestamptz(3) AS now FROM feature_flag_schedules d
    WHERE ${where} AND NOT EXISTS (
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
      statusLastSet: row.statusLastSet,
    },
    state: {
      ...readState(row, { flagId: row.flagId ?? '', environment: row.environmentKey }),
      environmentEnabled: row.environmentEnabled,
    },
  },
});
