import type { Caller } from '../../access/model/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type CreateEnvironment, type Environment, newEnvironment } from '../model/environment.ts';
import { environmentCreated } from '../model/environment-events.ts';
import type { EnvironmentTransaction } from './environment-store.ts';

type Deps = { inTransaction: InTransaction<EnvironmentTransaction>; clock: Clock };

/**
 * Creates an environment, and gives every flag a new flag's state in it. Throws EnvironmentAlreadyExistsError, ValidationError.
 */
export const makeCreateEnvironment =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, input: CreateEnvironment): Promise<Environment> =>
    inTransaction(async ({ environments, flagsOfEnvironments, audit }) => {
      await flagsOfEnvironments.lock();
      const environment = newEnvironment(input, await environments.list());
      await environments.add(environment);
      await flagsOfEnvironments.addStatesIn(environment.key, clock.now());
      audit.logEvent(environmentCreated(admin, environment));
      return environment;
    });
