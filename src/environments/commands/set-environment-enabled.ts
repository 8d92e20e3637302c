import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import type { Environment, EnvironmentKey } from '../model/environment.ts';
import { EnvironmentNotFoundError } from '../model/environment-errors.ts';
import { environmentSwitched } from '../model/environment-events.ts';
import type { EnvironmentTransaction } from './environment-store.ts';

type Deps = { inTransaction: InTransaction<EnvironmentTransaction> };

/** Enables or disables an environment. If nothing changes, nothing is saved or recorded. Throws an EnvironmentNotFoundError. */
export const makeSetEnvironmentEnabled =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { key }: EnvironmentKey, enabled: boolean): Promise<Environment> =>
    inTransaction(async ({ environments, schedules, audit }) => {
      const environment = await environments.findLocked(key);
      if (!environment) throw new EnvironmentNotFoundError(key);
      if (environment.enabled === enabled) return environment;
      const next = { ...environment, enabled };
      await environments.save(next);
      // Only a disabled environment makes its open schedules fail, so only that event counts them.
      const openSchedules = enabled ? 0 : await schedules.countOpen({ environment: key });
      audit.logEvent(environmentSwitched(admin, next, openSchedules));
      return next;
    });
