import { containing } from '../../database/containing.ts';
import { isOpen, openSchedule, scheduleOfEnvironment, setsStatus } from '../../database/open-schedules.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { SqlNow } from '../../database/sql-now.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { Slice } from '../../kernel/paging.ts';
import type {
  FlagCounts,
  FlagFilter,
  FlagOrderField,
  FlagPlace,
  FlagStore,
  FlagWriter,
  LockPurpose,
  SharedFlag,
} from '../commands/flag-store.ts';
import { makeFindFlagCreators } from './flag-creators.ts';
import { toFlag } from './flag-rows.ts';
import { toFlagState, toRow } from './flag-state-rows.ts';

const stateToWhere = ({ state, hasEmergency, hasOpenSchedules }: FlagFilter): Prisma.FlagWhereInput[] => {
  const ofEnvironment = state ? { environmentKey: state.environment } : {};
  const { enabled, minRollout, maxRollout, hasExperiment } = state ?? {};
  return [
    ...(state
      ? [
          {
            states: {
              some: {
                ...ofEnvironment,
                ...(enabled != null && { enabled }),
                ...((minRollout != null || maxRollout != null) && {
                  rolloutPercentage: {
                    ...(minRollout != null && { gte: minRollout }),
                    ...(maxRollout != null && { lte: maxRollout }),
                  },
                }),
                ...(hasExperiment != null && { experiment: hasExperiment ? { not: Prisma.DbNull } : { equals: Prisma.DbNull } }),
              },
            },
          },
        ]
      : []),
    ...(hasEmergency == null
      ? []
      : [{ states: { [hasEmergency ? 'some' : 'none']: { ...ofEnvironment, emergency: { not: Prisma.DbNull } } } }]),
    ...(hasOpenSchedules == null
      ? []
      : [
          {
            schedules: {
              [hasOpenSchedules ? 'some' : 'none']: {
                AND: [openSchedule, ...(state ? [scheduleOfEnvironment(state.environment)] : [])],
              },
            },
          },
        ]),
  ];
};

const toWhere = ({ search, type, statuses, tags, ...ofStates }: FlagFilter): Prisma.FlagWhereInput => ({
  AND: stateToWhere(ofStates),
  ...(search && { OR: [{ key: containing(search) }, { name: containing(search) }] }),
  ...(type && { type }),
  ...(statuses && { status: { in: [...statuses] } }),
  ...(tags?.length && { tags: { hasEvery: [...tags] } }),
});

/** Flags after or before a place in the list. Both halves use the index on (…, key). */
const beyond = (
  place: FlagPlace,
  by: Exclude<FlagOrderField, 'stateUpdatedAt'>,
  operator: 'gt' | 'lt',
): Prisma.FlagWhereInput => {
  const { key, [by]: value } = place;
  if (by === 'key') return { key: { [operator]: key } };
  return {
    [by]: { [operator === 'gt' ? 'gte' : 'lte']: value },
    OR: [{ [by]: { [operator]: value } }, { [by]: value, key: { [operator]: key } }],
  };
};

const beyondState = ({ key, stateUpdatedAt }: FlagPlace, operator: 'gt' | 'lt'): Prisma.FlagStateWhereInput => ({
  OR: [{ updatedAt: { [operator]: stateUpdatedAt } }, { updatedAt: stateUpdatedAt, flag: { key: { [operator]: key } } }],
});

/**
 * Lists flags by the last change of their state in one environment. This sorts all its states; an index would make every change
 * of a state slower.
 */
const listByState = async (prisma: Queryable, filter: FlagFilter, { after, before, limit, inverted }: Slice<FlagPlace>) => {
  const direction = inverted ? 'desc' : 'asc';
  const rows = await prisma.flagState.findMany({
    where: {
      environmentKey: filter.state?.environment ?? 'production',
      flag: toWhere(filter),
      AND: [...(after ? [beyondState(after, 'gt')] : []), ...(before ? [beyondState(before, 'lt')] : [])],
    },
    orderBy: [{ updatedAt: direction }, { flag: { key: direction } }],
    take: limit,
    select: { updatedAt: true, flag: true },
  });
  return rows.map(({ flag, updatedAt }) => ({ ...toFlag(flag), stateUpdatedAt: updatedAt }));
};

const countFlags = async (prisma: Queryable, environment: string): Promise<FlagCounts | null> => {
  const [row] = await prisma.$queryRaw<FlagCounts[]>`
    SELECT count(f.id)::int AS total, count(*) FILTER (WHERE f.status = 'ACTIVE')::int AS active,
      count(*) FILTER (WHERE f.status = 'DEPRECATED')::int AS deprecated,
      count(*) FILTER (WHERE f.status = 'ARCHIVED')::int AS archived,
      count(*) FILTER (WHERE s.enabled)::int AS enabled, count(*) FILTER (WHERE NOT s.enabled)::int AS disabled,
      count(s.emergency)::int AS "withEmergency", count(s.experiment)::int AS "withExperiment",
      count(o.flag_id)::int AS "withOpenSchedules"
    FROM environments e
    LEFT JOIN feature_flag_states s ON s.environment_key = e.key
    LEFT JOIN feature_flags f ON f.id = s.flag_id
    LEFT JOIN (SELECT DISTINCT d.flag_id FROM feature_flag_schedules d WHERE (d.environment_key = ${environment} OR ${setsStatus}) AND ${isOpen}) o
      ON o.flag_id = s.flag_id
    WHERE e.key = ${environment} GROUP BY e.key`;
  return row ?? null;
};

export const makeFlagStore = (prisma: Queryable): FlagStore => ({
  find: async (key) => {
    const row = await prisma.flag.findUnique({ where: { key } });
    return row && toFlag(row);
  },
  findByIds: async (ids) => (await prisma.flag.findMany({ where: { id: { in: [...ids] } } })).map(toFlag),
  list: async (filter, slice, by = 'key') => {
    if (by === 'stateUpdatedAt') return listByState(prisma, filter, slice);
    const { after, before, limit, inverted } = slice;
    const places = [...(after ? [beyond(after, by, 'gt')] : []), ...(before ? [beyond(before, by, 'lt')] : [])];
    const direction = inverted ? 'desc' : 'asc';
    const rows = await prisma.flag.findMany({
      where: { AND: [toWhere(filter), ...places] },
      orderBy: by === 'key' ? { key: direction } : [{ [by]: direction }, { key: direction }],
      take: limit,
    });
    return rows.map(toFlag);
  },
  count: (filter) => prisma.flag.count({ where: toWhere(filter) }),
  counts: (environment) => countFlags(prisma, environment),
  creatorsOf: makeFindFlagCreators(prisma),
  statesOf: async (flagIds, environment) => {
    const rows = await prisma.flagState.findMany({
      where: { flagId: { in: [...flagIds] }, ...(environment !== undefined && { environmentKey: environment }) },
      orderBy: [{ environment: { createdAt: 'asc' } }, { environmentKey: 'asc' }],
    });
    return Map.groupBy(rows.map(toFlagState), ({ flagId }) => flagId);
  },
});

export const makeFlagWriter = (tx: Prisma.TransactionClient, sqlNow: SqlNow): FlagWriter => {
  const { find, statesOf } = makeFlagStore(tx);
  /** Only FOR UPDATE blocks rows that refer to the flag, such as new schedules. */
  const lock = async (key: string, purpose: LockPurpose) => {
    const strength = purpose === 'change' ? Prisma.sql`NO KEY UPDATE` : Prisma.sql`UPDATE`;
    const found = await tx.$queryRaw<unknown[]>`SELECT 1 FROM feature_flags WHERE key = ${key} FOR ${strength}`;
    return found.length ? find(key) : null;
  };
  return {
    find,
    add: async (flag) => (await tx.flag.createMany({ data: [flag], skipDuplicates: true })).count === 1,
    addStates: async (states) => {
      await tx.flagState.createMany({ data: states.map(toRow) });
    },
    findShared: async (key, environment) => {
      // The clock is read outside the subquery, so that it is read after the lock is taken.
      const [row] = await tx.$queryRaw<(SharedFlag & { environmentEnabled: boolean | null; now: Date })[]>`
        SELECT shared.*, ${sqlNow()} AS now FROM (
          SELECT f.id, f.key, f.type, f.status, f.variants, f.status_last_set AS "statusLastSet", (
            SELECT e.enabled FROM feature_flag_states s JOIN environments e ON e.key = s.environment_key
            WHERE s.flag_id = f.id AND s.environment_key = ${environment}) AS "environmentEnabled"
          FROM feature_flags f WHERE f.key = ${key} FOR KEY SHARE OF f) shared`;
      if (!row) return null;
      const { environmentEnabled, now, ...flag } = row;
      return { now, flag, environment: environmentEnabled === null ? null : { enabled: environmentEnabled } };
    },
    findLocked: async (key, purpose) => {
      const flag = await lock(key, purpose);
      // The states need no lock of their own: every change of a state locks its flag first.
      return flag && { flag, states: (await statesOf([flag.id])).get(flag.id) ?? [] };
    },
    findLockedState: async (key, environment) => {
      // Locks the flag, too: an update can set its status, which is the same in all environments.
      const [locked] = await tx.$queryRaw<{ id: string }[]>`SELECT f.id FROM feature_flags f
        JOIN feature_flag_states s ON s.flag_id = f.id WHERE f.key = ${key} AND s.environment_key = ${environment}
        FOR NO KEY UPDATE OF f`;
      if (!locked) {
        const flag = await find(key);
        if (!flag) return null;
        const hasState = await tx.flagState.count({ where: { flagId: flag.id, environmentKey: environment } });
        // If it has a state, a flag with the same key was created a moment ago, and the requested one is gone.
        return hasState ? null : { flag, state: null };
      }
      const { flag, ...state } = await tx.flagState.findUniqueOrThrow({
        where: { flagId_environmentKey: { flagId: locked.id, environmentKey: environment } },
        include: { flag: true },
      });
      return { flag: toFlag(flag), state: { ...toFlagState(state), status: toFlag(flag).status } };
    },
    saveFlag: async ({ id, name, description, variants, tags, status, version, statusLastSet, updatedAt }) => {
      const data = { name, description, variants, tags, status, version, statusLastSet, updatedAt };
      await tx.flag.update({ where: { id }, data });
    },
    saveState: async (state) => {
      const { flagId, environmentKey, ...data } = toRow(state);
      await tx.flagState.update({ where: { flagId_environmentKey: { flagId, environmentKey } }, data });
    },
    remove: async (flagId) => {
      await tx.flag.delete({ where: { id: flagId } });
    },
  };
};
