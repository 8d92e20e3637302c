import type { Caller } from '../domain/access/actor.ts';
import { EnvironmentNotFoundError } from '../domain/errors.ts';
import type { Environment, EnvironmentKey } from '../domain/flags/environment.ts';
import { environmentSwitched } from '../domain/flags/environment-events.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction };

/**
 * Enables or disables an environment. One that is so already stays as it is, and nothing is recorded. Throws an
 * EnvironmentNotFoundError.
 */
export const makeSetEnvironmentEnabled =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { key }: EnvironmentKey, enabled: boolean): Promise<Environment> =>
    inTransaction(async ({ environments, schedules, audit }) => {
      const environment = await environments.findLocked(key);
      if (!environment) throw new EnvironmentNotFoundError(key);
      if (environment.enabled === enabled) return environment;
      const next = { ...environment, enabled };
      await environments.save(next);
      // Those that are enabled apply what they have, as ever.
      const openSchedules = enabled ? 0 : await schedules.countOpen({ environment: key });
      audit.logEvent(environmentSwitched(admin, next, openSchedules));
      return next;
    });
