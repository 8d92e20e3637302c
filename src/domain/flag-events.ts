import type { Caller } from './actor.ts';
import { adminFields, attributedTo } from './attribution.ts';
import type { EventDraft } from './audit-event.ts';
import { describeChanges, diffStates } from './changes.ts';
import type { AuditEventType } from './event-metadata.ts';
import type { Flag, FlagState } from './flag.ts';
import { type JsonObject, toJson } from './json.ts';
import { stateSnapshot } from './schedule-events.ts';

/** A flag whole, with its state in every environment. */
const flagSnapshot = ({ id, key, name, description, type, tags }: Flag, states: readonly FlagState[]): JsonObject => ({
  ...(toJson({ id, key, name, description, type, tags }) as JsonObject),
  states: Object.fromEntries(states.map((state) => [state.environment, stateSnapshot(state)])),
});

export const flagCreated = (admin: Caller, flag: Flag, states: readonly FlagState[]): EventDraft<'flag.created'> => {
  const newState = flagSnapshot(flag, states);
  return {
    eventType: 'flag.created',
    ...attributedTo(admin),
    resource: { type: 'flag', id: flag.id },
    flagKey: flag.key,
    newState,
    changes: diffStates(null, newState),
    description: `Flag '${flag.key}' was created`,
    metadata: { flagKey: flag.key, ...adminFields(admin) },
  };
};

export const flagDeleted = (
  admin: Caller,
  flag: Flag,
  states: readonly FlagState[],
  cancelledSchedules: number,
): EventDraft<'flag.deleted'> => {
  const previousState = flagSnapshot(flag, states);
  return {
    eventType: 'flag.deleted',
    ...attributedTo(admin),
    resource: { type: 'flag', id: flag.id },
    flagKey: flag.key,
    previousState,
    changes: diffStates(previousState, null),
    description: `Flag '${flag.key}' was deleted${cancelledSchedules ? `, and ${cancelledSchedules} open schedule${cancelledSchedules === 1 ? '' : 's'} with it` : ''}`,
    metadata: { flagKey: flag.key, cancelledSchedules, ...adminFields(admin) },
  };
};

type StateEventType = Extract<AuditEventType, 'flag.enabled' | 'flag.disabled' | 'flag.rollout_changed' | 'flag.updated'>;

/** One event for one change of state, named after the most telling field that changed. */
export const flagStateUpdated = (admin: Caller, flag: Flag, previous: FlagState, next: FlagState): EventDraft<StateEventType> => {
  const [before, after] = [stateSnapshot(previous), stateSnapshot(next)];
  const changes = diffStates(before, after);
  const { eventType, sentence } = nameStateChange(previous, next);
  const details = describeChanges(changes);
  return {
    eventType,
    ...attributedTo(admin),
    resource: { type: 'flag', id: flag.id },
    flagKey: flag.key,
    environment: next.environment,
    previousState: before,
    newState: after,
    changes,
    description: `Flag '${flag.key}' in ${next.environment}: ${sentence}; ${details}`,
    metadata: { flagKey: flag.key, environment: next.environment, ...adminFields(admin) },
  };
};

const nameStateChange = (previous: FlagState, next: FlagState): { eventType: StateEventType; sentence: string } => {
  if (previous.enabled !== next.enabled) {
    return next.enabled
      ? { eventType: 'flag.enabled', sentence: 'was enabled' }
      : { eventType: 'flag.disabled', sentence: 'was disabled' };
  }
  if (previous.rolloutPercentage !== next.rolloutPercentage) {
    return { eventType: 'flag.rollout_changed', sentence: 'rollout configuration changed' };
  }
  return { eventType: 'flag.updated', sentence: 'default value changed' };
};
