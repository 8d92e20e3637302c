import type { Caller } from '../domain/access/actor.ts';
import { EnvironmentNotFoundError } from '../domain/errors.ts';
import { checkDeletion, type Environment, type EnvironmentKey } from '../domain/flags/environment.ts';
import { environmentDeleted } from '../domain/flags/environment-events.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; defaultEnvironment: string };

/**
 * Deletes an environment in which nothing is set and nothing is scheduled, and returns it as it was. Throws
 * EnvironmentNotFoundError, EnvironmentNotEmptyError, ValidationError.
 */
export const makeDeleteEnvironment =
  ({ inTransaction, defaultEnvironment }: Deps) =>
  (admin: Caller, { key }: EnvironmentKey): Promise<Environment> =>
    inTransaction(async ({ environments, audit }) => {
      // Flags that are being created or changed, and schedules, come first; those that come later do not find it any more.
      await environments.holdFlags();
      const environment = await environments.findLocked(key);
      if (!environment) throw new EnvironmentNotFoundError(key);
      checkDeletion(environment, await environments.useOf(key), defaultEnvironment);
      await environments.remove(key);
      audit.logEvent(environmentDeleted(admin, environment));
      return environment;
    });
