import type { Caller } from '../../access/model/actor.ts';
import { applyUpdates, checkUpdates, type UpdateFlagState } from '../model/apply-updates.ts';
import { checkFlagVersion } from '../model/check-version.ts';
import type { FlagState } from '../model/flag-state.ts';
import { flagStateUpdated } from '../model/flag-state-events.ts';
import { normalizeUpdates, stateFieldsOf } from '../model/flag-updates.ts';
import { makeChangeFlagState, type StateDeps } from './change-flag-state.ts';

/**
 * Changes a flag's state in one environment now. Throws what `makeChangeFlagState` throws, a FlagVersionConflictError, and a
 * ValidationError for a variant, a rule or a status that the flag cannot take.
 */
export const makeUpdateFlagState = (deps: StateDeps) => {
  const changeFlagState = makeChangeFlagState(deps);
  return (admin: Caller, { updates: input, expectedFlagVersion, ...target }: UpdateFlagState): Promise<FlagState> => {
    const updates = normalizeUpdates(input);
    return changeFlagState(admin, target, {
      decide: ({ flag, state, now }) => {
        checkFlagVersion(flag, expectedFlagVersion);
        checkUpdates(flag, updates);
        return applyUpdates(state, updates, now);
      },
      sets: stateFieldsOf(updates),
      event: async (change, { schedules }) => {
        const isArchived = change.next.status === 'ARCHIVED' && change.previous.status !== 'ARCHIVED';
        return flagStateUpdated(change, isArchived ? await schedules.countOpen({ flagId: change.flag.id }) : 0);
      },
      ofArchived: true,
    });
  };
};
