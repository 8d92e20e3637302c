import type { Caller } from '../domain/access/actor.ts';
import { type CreateEnvironment, type Environment, newEnvironment } from '../domain/flags/environment.ts';
import { environmentCreated } from '../domain/flags/environment-events.ts';
import type { Clock } from '../ports/clock.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; clock: Clock };

/** Creates an environment, in which every flag starts as a new flag does. Throws EnvironmentAlreadyExistsError, ValidationError. */
export const makeCreateEnvironment =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, input: CreateEnvironment): Promise<Environment> =>
    inTransaction(async ({ environments, audit }) => {
      await environments.holdFlags();
      const environment = newEnvironment(input, await environments.list());
      await environments.add(environment, clock.now());
      audit.logEvent(environmentCreated(admin, environment));
      return environment;
    });
