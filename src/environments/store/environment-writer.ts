import { makeFlagStore } from '../../flags/store/flag-store.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { isOpen } from '../../schedules/store/schedule-rows.ts';
import type { EnvironmentWriter } from '../commands/environment-store.ts';
import type { Environment, EnvironmentUse } from '../model/environment.ts';

/** Environments in one transaction. */
export const makeEnvironmentWriter = (tx: Prisma.TransactionClient): EnvironmentWriter => ({
  // Not the weaker SHARE ROW EXCLUSIVE: it lets rows be locked, and whoever has locked one and then updates it would wait for
  // us while our new state waits for that row. Reads go on.
  holdFlags: async () => {
    await tx.$executeRaw`LOCK TABLE feature_flags IN EXCLUSIVE MODE`;
  },
  list: makeFlagStore(tx).environments,
  add: async ({ key, name, enabled }, now) => {
    await tx.environment.create({ data: { key, name, enabled } });
    // What a new flag's state is, the columns' defaults say.
    await tx.$executeRaw`
      INSERT INTO feature_flag_states (flag_id, environment_key, updated_at) SELECT id, ${key}, ${now} FROM feature_flags`;
  },
  findLocked: async (key) => {
    // Not FOR UPDATE: flags that are being created refer to the row.
    const [row] = await tx.$queryRaw<
      Environment[]
    >`SELECT key, name, enabled FROM environments WHERE key = ${key} FOR NO KEY UPDATE`;
    return row ?? null;
  },
  save: async ({ key, name, enabled }) => {
    await tx.environment.update({ where: { key }, data: { name, enabled } });
  },
  useOf: async (key) => {
    // A default variant alone does not count: nobody can take it back, and of a flag that is off it decides nothing.
    const [row] = await tx.$queryRaw<[EnvironmentUse]>`
      SELECT (
        SELECT count(*)::int FROM feature_flag_states s WHERE s.environment_key = ${key} AND (
          s.enabled OR s.rollout_percentage <> 100 OR s.rules <> '[]' OR s.overrides <> '[]' OR s.experiment IS NOT NULL
          OR s.emergency IS NOT NULL)
      ) AS "changedFlags", (
        SELECT count(*)::int FROM feature_flag_schedules d WHERE d.environment_key = ${key} AND ${isOpen}
      ) AS "openSchedules"`;
    return row;
  },
  remove: async (key) => {
    await tx.flagState.deleteMany({ where: { environmentKey: key } });
    await tx.environment.delete({ where: { key } });
  },
});
