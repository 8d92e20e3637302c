import type { FlagsOfEnvironments } from '../../environments/commands/environment-store.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { isOtherThanNew } from './flag-state-rows.ts';

/** What environments ask of flags, in one transaction. */
export const makeFlagsOfEnvironments = (tx: Prisma.TransactionClient): FlagsOfEnvironments => ({
  // Not the weaker SHARE ROW EXCLUSIVE: it lets rows be locked, and whoever has locked one and then updates it would wait for
  // us while our new state waits for that row. Reads go on.
  hold: async () => {
    await tx.$executeRaw`LOCK TABLE feature_flags IN EXCLUSIVE MODE`;
  },
  addStatesIn: async (environment, now) => {
    // What a new flag's state is, the columns' defaults say.
    await tx.$executeRaw`INSERT INTO feature_flag_states (flag_id, environment_key, updated_at)
      SELECT id, ${environment}, ${now} FROM feature_flags`;
  },
  countChangedIn: async (environment) => {
    const [row] = await tx.$queryRaw<[{ count: number }]>`
      SELECT count(*)::int AS count FROM feature_flag_states s WHERE s.environment_key = ${environment} AND (
        ${isOtherThanNew} OR s.overrides <> '[]' OR s.experiment IS NOT NULL OR s.emergency IS NOT NULL)`;
    return row.count;
  },
  removeStatesIn: async (environment) => {
    await tx.flagState.deleteMany({ where: { environmentKey: environment } });
  },
});
