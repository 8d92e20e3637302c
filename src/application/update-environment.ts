import type { Caller } from '../domain/access/actor.ts';
import { EnvironmentNotFoundError } from '../domain/errors.ts';
import type { Environment, UpdateEnvironment } from '../domain/flags/environment.ts';
import { environmentUpdated } from '../domain/flags/environment-events.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction };

/** Renames an environment. What changes nothing is not recorded. Throws an EnvironmentNotFoundError. */
export const makeUpdateEnvironment =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { key, name }: UpdateEnvironment): Promise<Environment> =>
    inTransaction(async ({ environments, audit }) => {
      const environment = await environments.findLocked(key);
      if (!environment) throw new EnvironmentNotFoundError(key);
      if (environment.name === name) return environment;
      const next = { ...environment, name };
      await environments.save(next);
      audit.logEvent(environmentUpdated(admin, environment, next));
      return next;
    });
