import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { checkDeletion, type Environment, type EnvironmentKey } from '../model/environment.ts';
import { EnvironmentNotFoundError } from '../model/environment-errors.ts';
import { environmentDeleted } from '../model/environment-events.ts';
import type { EnvironmentTransaction } from './environment-store.ts';

type Deps = { inTransaction: InTransaction<EnvironmentTransaction>; defaultEnvironment: string };

/**
 * Deletes an environment in which nothing is set and nothing is scheduled, and returns it as it was. Throws
 * EnvironmentNotFoundError, EnvironmentNotEmptyError, ValidationError.
 */
export const makeDeleteEnvironment =
  ({ inTransaction, defaultEnvironment }: Deps) =>
  (admin: Caller, { key }: EnvironmentKey): Promise<Environment> =>
    inTransaction(async ({ environments, flagsOfEnvironments, schedules, audit }) => {
      // Changes that are under way commit before the checks below. Later ones no longer find the environment.
      await flagsOfEnvironments.lock();
      const environment = await environments.findLocked(key);
      if (!environment) throw new EnvironmentNotFoundError(key);
      const changedFlags = await flagsOfEnvironments.countChangedIn(key);
      const openSchedules = await schedules.countOpen({ environment: key });
      checkDeletion(environment, { changedFlags, openSchedules }, defaultEnvironment);
      await flagsOfEnvironments.removeStatesIn(key);
      await environments.remove(key);
      audit.logEvent(environmentDeleted(admin, environment));
      return environment;
    });
