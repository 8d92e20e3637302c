import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import type { Environment, UpdateEnvironment } from '../model/environment.ts';
import { EnvironmentNotFoundError } from '../model/environment-errors.ts';
import { environmentUpdated } from '../model/environment-events.ts';
import type { EnvironmentTransaction } from './environment-store.ts';

type Deps = { inTransaction: InTransaction<EnvironmentTransaction> };

/** Renames an environment. If the name stays the same, nothing is recorded. Throws an EnvironmentNotFoundError. */
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
