import type { Queryable } from '../../database/queryable.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { EnvironmentStore, EnvironmentWriter } from '../commands/environment-store.ts';
import type { Environment } from '../model/environment.ts';

const select = { key: true, name: true, enabled: true } as const;
const orderBy: Prisma.EnvironmentOrderByWithRelationInput[] = [{ createdAt: 'asc' }, { key: 'asc' }];

export const makeEnvironmentStore = (prisma: Queryable): EnvironmentStore => ({
  list: () => prisma.environment.findMany({ select, orderBy }),
});

export const makeEnvironmentWriter = (tx: Prisma.TransactionClient): EnvironmentWriter => ({
  ...makeEnvironmentStore(tx),
  add: async ({ key, name, enabled }) => {
    await tx.environment.create({ data: { key, name, enabled } });
  },
  findLocked: async (key) => {
    // FOR NO KEY UPDATE, not FOR UPDATE: flags that are being created refer to the row and must not wait.
    const [row] = await tx.$queryRaw<
      Environment[]
    >`SELECT key, name, enabled FROM environments WHERE key = ${key} FOR NO KEY UPDATE`;
    return row ?? null;
  },
  save: async ({ key, name, enabled }) => {
    await tx.environment.update({ where: { key }, data: { name, enabled } });
  },
  remove: async (key) => {
    await tx.environment.delete({ where: { key } });
  },
});
