import type { Caller } from '../../access/model/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/unit-of-work.ts';
import { type CreateEnvironment, type Environment, newEnvironment } from '../model/environment.ts';
import { environmentCreated } from '../model/environment-events.ts';

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
