import type { Caller } from '../domain/actor.ts';
import { EnvironmentNotFoundError, FlagNotFoundError, VersionConflictError } from '../domain/errors.ts';
import { applyUpdates, type FlagState, normalizeUpdates, type UpdateFlagState } from '../domain/flag.ts';
import { flagStateUpdated } from '../domain/flag-events.ts';
import type { Clock } from '../ports/clock.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; clock: Clock };

/**
 * Changes a flag's state in one environment, now. An update that changes nothing stores nothing and records nothing.
 * Throws FlagNotFoundError, EnvironmentNotFoundError, VersionConflictError.
 */
export const makeUpdateFlagState =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, { flagKey, environment, updates, expectedVersion }: UpdateFlagState): Promise<FlagState> =>
    inTransaction(async ({ flags, audit }) => {
      const found = await flags.findLockedState(flagKey, environment);
      if (!found) throw new FlagNotFoundError(flagKey);
      const { flag, state } = found;
      if (!state) throw new EnvironmentNotFoundError(environment);
      if (expectedVersion != null && expectedVersion !== state.version) throw new VersionConflictError(expectedVersion, state);
      const next = applyUpdates(state, normalizeUpdates(updates), clock.now());
      if (next === state) return state;
      await flags.saveState(next);
      audit.logEvent(flagStateUpdated(admin, flag, state, next));
      return next;
    });
