import type { FlagState } from '../../domain/flag.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { FlagFilter, FlagStore, FlagWriter } from '../../ports/flag-store.ts';
import { type Queryable, toFlag, toFlagState } from './rows.ts';

const environmentFields = { key: true, name: true, enabled: true } as const;
const inOrderOfEnvironments: Prisma.EnvironmentOrderByWithRelationInput[] = [{ createdAt: 'asc' }, { key: 'asc' }];

/** Prisma's `contains` is LIKE, and leaves its wildcards as they are. */
const containing = (part: string) => ({ contains: part.replaceAll(/[\\%_]/g, '\\$&'), mode: 'insensitive' }) as const;

const toWhere = ({ search, type, tags }: FlagFilter): Prisma.FlagWhereInput => ({
  ...(search && { OR: [{ key: containing(search) }, { name: containing(search) }] }),
  ...(type && { type }),
  ...(tags?.length && { tags: { hasEvery: [...tags] } }),
});

/** Flags in the database. */
export const makeFlagStore = (prisma: Queryable): FlagStore => ({
  environments: () => prisma.environment.findMany({ select: environmentFields, orderBy: inOrderOfEnvironments }),
  find: async (key) => {
    const row = await prisma.flag.findUnique({ where: { key } });
    return row && toFlag(row);
  },
  findByIds: async (ids) => (await prisma.flag.findMany({ where: { id: { in: [...ids] } } })).map(toFlag),
  list: async (filter, { after, before, limit, inverted }) => {
    const beyond: Prisma.FlagWhereInput[] = [
      ...(after === undefined ? [] : [{ key: { gt: after } }]),
      ...(before === undefined ? [] : [{ key: { lt: before } }]),
    ];
    const rows = await prisma.flag.findMany({
      where: { AND: [toWhere(filter), ...beyond] },
      orderBy: { key: inverted ? 'desc' : 'asc' },
      take: limit,
    });
    return rows.map(toFlag);
  },
  count: (filter) => prisma.flag.count({ where: toWhere(filter) }),
  statesOf: async (flagIds) => {
    const rows = await prisma.flagState.findMany({
      where: { flagId: { in: [...flagIds] } },
      orderBy: [{ environment: { createdAt: 'asc' } }, { environmentKey: 'asc' }],
    });
    return Map.groupBy(rows.map(toFlagState), ({ flagId }) => flagId);
  },
});

/** Flags in one transaction. */
export const makeFlagWriter = (tx: Prisma.TransactionClient): FlagWriter => {
  const { environments, find, statesOf } = makeFlagStore(tx);
  const lock = async (key: string) => {
    const found = await tx.$queryRaw<unknown[]>`SELECT 1 FROM feature_flags WHERE key = ${key} FOR UPDATE`;
    return found.length ? find(key) : null;
  };
  return {
    environments,
    find,
    add: async (flag, states) => {
      const { count } = await tx.flag.createMany({ data: [flag], skipDuplicates: true });
      if (count === 0) return false;
      await tx.flagState.createMany({ data: states.map(toRow) });
      return true;
    },
    findShared: async (key, environment) => {
      const [row] = await tx.$queryRaw<{ id: string; key: string; hasEnvironment: boolean }[]>`
        SELECT f.id, f.key, EXISTS (
          SELECT 1 FROM feature_flag_states s WHERE s.flag_id = f.id AND s.environment_key = ${environment}) AS "hasEnvironment"
        FROM feature_flags f WHERE f.key = ${key} FOR KEY SHARE`;
      return row ? { flag: row, hasEnvironment: row.hasEnvironment } : null;
    },
    findLocked: async (key) => {
      const flag = await lock(key);
      if (!flag) return null;
      await tx.$queryRaw`SELECT 1 FROM feature_flag_states WHERE flag_id = ${flag.id}::uuid ORDER BY environment_key FOR UPDATE`;
      return { flag, states: (await statesOf([flag.id])).get(flag.id) ?? [] };
    },
    findLockedState: async (key, environment) => {
      const flag = await find(key);
      if (!flag) return null;
      const locked = await tx.$queryRaw<unknown[]>`SELECT 1 FROM feature_flag_states
        WHERE flag_id = ${flag.id}::uuid AND environment_key = ${environment} FOR UPDATE`;
      if (locked.length === 0) return (await find(key)) ? { flag, state: null } : null;
      const row = await tx.flagState.findUniqueOrThrow({
        where: { flagId_environmentKey: { flagId: flag.id, environmentKey: environment } },
      });
      return { flag, state: toFlagState(row) };
    },
    saveState: async ({ flagId, environment: environmentKey, ...state }) => {
      await tx.flagState.update({
        where: { flagId_environmentKey: { flagId, environmentKey } },
        data: {
          enabled: state.enabled,
          rolloutPercentage: state.rolloutPercentage,
          defaultVariant: state.defaultVariant,
          version: state.version,
          updatedAt: state.updatedAt,
        },
      });
    },
    remove: async (flagId) => {
      await tx.flag.delete({ where: { id: flagId } });
    },
  };
};

const toRow = ({ environment, ...state }: FlagState) => ({ ...state, environmentKey: environment });
