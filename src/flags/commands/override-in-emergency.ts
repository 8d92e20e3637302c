import type { Caller } from '../../access/model/actor.ts';
import { checkUpdates } from '../model/apply-updates.ts';
import type { FlagState } from '../model/flag-state.ts';
import { emergencyLifted, emergencyOverridden } from '../model/flag-state-events.ts';
import { normalizeUpdates, stateFieldsOf } from '../model/flag-updates.ts';
import { holdState, type LiftEmergencyOverride, type OverrideInEmergency, releaseState } from '../model/hold-state.ts';
import { makeChangeFlagState, type StateDeps } from './change-flag-state.ts';

/** An emergency override that was set or lifted. */
export type Emergency = { flagKey: string; environment: string; reason: string | null; actorId: string; lifted: boolean };

type Deps = StateDeps & {
  /** Called for every emergency override that is set or lifted, after the commit. */
  onEmergency: (emergency: Emergency) => void;
};

/**
 * Sets and lifts emergency overrides. An emergency override sets a state at once; until it is lifted, no other change and no
 * schedule can touch the state. Both functions throw what `makeChangeFlagState` throws (except EmergencyOverrideActiveError),
 * EmergencyOverrideNotActiveError, and ValidationError.
 */
export const makeOverrideInEmergency = ({ onEmergency, ...deps }: Deps) => {
  const changeFlagState = makeChangeFlagState(deps);
  return {
    emergencyOverride: async (admin: Caller, { updates: input, reason, ...target }: OverrideInEmergency): Promise<FlagState> => {
      const updates = normalizeUpdates(input);
      const state = await changeFlagState(admin, target, {
        decide: ({ flag, state, now }) => {
          checkUpdates(flag, updates);
          return holdState(state, updates, { reason, startedBy: admin.userId, now });
        },
        sets: stateFieldsOf(updates),
        event: async (change, { schedules }) =>
          emergencyOverridden(change, { reason, updates, openSchedules: await schedules.countOpen(change.next) }),
        inEmergency: true,
      });
      onEmergency({ ...placeOf(target), reason, actorId: admin.actor.id, lifted: false });
      return state;
    },
    liftEmergencyOverride: async (admin: Caller, { reason, ...target }: LiftEmergencyOverride): Promise<FlagState> => {
      const state = await changeFlagState(admin, target, {
        decide: ({ flag, state }) => releaseState(flag, state),
        event: async (change, { schedules }) =>
          emergencyLifted(change, reason ?? null, await schedules.upcomingRetries(change.next)),
        inEmergency: true,
        ofArchived: true,
      });
      onEmergency({ ...placeOf(target), reason: reason ?? null, actorId: admin.actor.id, lifted: true });
      return state;
    },
  };
};

const placeOf = ({ flagKey, environment }: { flagKey: string; environment: string }) => ({ flagKey, environment });
