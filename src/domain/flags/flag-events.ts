import type { Caller } from '../access/actor.ts';
import { adminFields, attributedTo } from '../audit/attribution.ts';
import type { EventDraft } from '../audit/audit-event.ts';
import { describeChanges, diffStates } from '../audit/changes.ts';
import type { AuditEventType } from '../audit/event-metadata.ts';
import type { Flag } from './flag.ts';
import type { FlagState } from './flag-state.ts';
import { flagSnapshot } from './snapshots.ts';

/** What every event of a flag itself says. */
const ofFlag = (admin: Caller, { id, key }: Flag) => ({
  ...attributedTo(admin),
  resource: { type: 'flag', id },
  flagKey: key,
});

export const flagCreated = (admin: Caller, flag: Flag, states: readonly FlagState[]): EventDraft<'flag.created'> => {
  const newState = flagSnapshot(flag, states);
  return {
    eventType: 'flag.created',
    ...ofFlag(admin, flag),
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
    ...ofFlag(admin, flag),
    previousState,
    changes: diffStates(previousState, null),
    description: `Flag '${flag.key}' was deleted${cancelledSchedules ? `, and ${cancelledSchedules} open schedule${cancelledSchedules === 1 ? '' : 's'} with it` : ''}`,
    metadata: { flagKey: flag.key, cancelledSchedules, ...adminFields(admin) },
  };
};

type FlagChangeType = Extract<AuditEventType, 'flag.updated' | 'flag.archived' | 'flag.activated' | 'flag.deprecated'>;

/** A change of the flag itself: of what describes it, or of its status. */
export const flagChanged = (admin: Caller, previous: Flag, next: Flag): EventDraft<FlagChangeType> => {
  const [previousState, newState] = [flagSnapshot(previous), flagSnapshot(next)];
  const changes = diffStates(previousState, newState);
  const status = previous.status === next.status ? undefined : statusEvents[next.status];
  return {
    eventType: status?.eventType ?? 'flag.updated',
    ...ofFlag(admin, next),
    allEnvironments: status !== undefined,
    previousState,
    newState,
    changes,
    description: status ? `Flag '${next.key}' ${status.sentence}` : `Flag '${next.key}' was updated: ${describeChanges(changes)}`,
    metadata: { flagKey: next.key, ...adminFields(admin) },
  };
};

/** How a change to a status is called. */
export const statusEvents = {
  ACTIVE: { eventType: 'flag.activated', sentence: 'was made active again' },
  DEPRECATED: { eventType: 'flag.deprecated', sentence: 'was deprecated' },
  ARCHIVED: { eventType: 'flag.archived', sentence: 'was archived' },
} as const satisfies Record<Flag['status'], { eventType: FlagChangeType; sentence: string }>;
