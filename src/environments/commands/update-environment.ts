import type { Caller } from '../../access/model/actor.ts';
import { EnvironmentNotFoundError } from '../../kernel/errors.ts';
import type { InTransaction } from '../../kernel/unit-of-work.ts';
import type { Environment, UpdateEnvironment } from '../model/environment.ts';
import { environmentUpdated } from '../model/environment-events.ts';

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
