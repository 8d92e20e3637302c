import type { FlagsOfEnvironments } from '../../environments/commands/environment-store.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { differsFromNew } from './flag-state-rows.ts';

export const makeFlagsOfEnvironments = (tx: Prisma.TransactionClient): FlagsOfEnvironments => ({
  // EXCLUSIVE still allows reads. The weaker SHARE ROW EXCLUSIVE would allow row locks, and deadlock: a transaction that has
  // locked a row and then updates it would wait for us, while our new state waits for that row.
  lock: async () => {
    await tx.$executeRaw`LOCK TABLE feature_flags IN EXCLUSIVE MODE`;
  },
  addStatesIn: async (environment, now) => {
    // The columns' defaults are a new flag's state.
    await tx.$executeRaw`INSERT INTO feature_flag_states (flag_id, environment_key, updated_at)
      SELECT id, ${environment}, ${now} FROM feature_flags`;
  },
  countChangedIn: async (environment) => {
    const [row] = await tx.$queryRaw<[{ count: number }]>`
      SELECT count(*)::int AS count FROM feature_flag_states s WHERE s.environment_key = ${environment} AND (
        ${differsFromNew} OR s.overrides <> '[]' OR s.experiment IS NOT NULL OR s.emergency IS NOT NULL)`;
    return row.count;
  },
  removeStatesIn: async (environment) => {
    await tx.flagState.deleteMany({ where: { environmentKey: environment } });
  },
});
