import type { Caller } from '../../access/model/actor.ts';
import { EnvironmentNotFoundError } from '../../kernel/errors.ts';
import type { InTransaction } from '../../kernel/unit-of-work.ts';
import { checkDeletion, type Environment, type EnvironmentKey } from '../model/environment.ts';
import { environmentDeleted } from '../model/environment-events.ts';

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
