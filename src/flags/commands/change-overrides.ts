import type { Caller } from '../../access/model/actor.ts';
import {
  type AddFlagOverride,
  addOverride,
  findOverride,
  type RemoveFlagOverride,
  toOverride,
} from '../model/change-overrides.ts';
import { isSameTarget } from '../model/flag-override.ts';
import type { FlagState } from '../model/flag-state.ts';
import { overrideAdded, overrideRemoved } from '../model/flag-state-events.ts';
import { makeChangeFlagState, type StateDeps } from './change-flag-state.ts';

/**
 * Adds and removes overrides. Both functions throw what `makeChangeFlagState` throws, and FlagOverrideNotFoundError,
 * FlagOverrideAlreadyExistsError, ValidationError.
 */
export const makeChangeOverrides = (deps: StateDeps) => {
  const changeFlagState = makeChangeFlagState(deps);
  return {
    addFlagOverride: (admin: Caller, input: AddFlagOverride): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state, now }) => addOverride(flag, state, input, now),
        event: (change) => overrideAdded(change, toOverride(input)),
      }),
    removeFlagOverride: (admin: Caller, input: RemoveFlagOverride): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state }) => {
          const removed = findOverride(flag, state, input);
          return { ...state, overrides: state.overrides.filter((override) => !isSameTarget(override, removed)) };
        },
        event: (change) => overrideRemoved(change, findOverride(change.flag, change.previous, input)),
      }),
  };
};
