import type { Caller } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from '../../audit/model/attribution.ts';
import { countOf, describeChanges, diffStates, type FieldChange } from '../../audit/model/changes.ts';
import { nameElements } from '../../audit/model/element-changes.ts';
import type { Flag } from './flag.ts';
import type { FlagEventDraft, FlagEventType } from './flag-event-types.ts';
import type { FlagState } from './flag-state.ts';
import { flagSnapshot } from './snapshots.ts';

/** The fields that every event about a flag itself shares. */
const ofFlag = (admin: Caller, { id, key }: Flag) => ({
  ...attributedTo(admin),
  resource: { type: 'flag', id },
  flagKey: key,
});

export const flagCreated = (admin: Caller, flag: Flag, states: readonly FlagState[]): FlagEventDraft<'flag.created'> => {
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
): FlagEventDraft<'flag.deleted'> => {
  const previousState = flagSnapshot(flag, states);
  return {
    eventType: 'flag.deleted',
    ...ofFlag(admin, flag),
    previousState,
    changes: diffStates(previousState, null),
    description: `Flag '${flag.key}' was deleted${cancelledSchedules ? `, which cancelled ${countOf(cancelledSchedules, 'open schedule')}` : ''}`,
    metadata: { flagKey: flag.key, cancelledSchedules, ...adminFields(admin) },
  };
};

type FlagChangeType = Extract<FlagEventType, 'flag.updated' | 'flag.archived' | 'flag.activated' | 'flag.deprecated'>;

/**
 * A change of the flag itself: its name, description, tags, variants or status. `openSchedules` is how many will fail because
 * the flag is archived.
 */
export const flagChanged = (
  admin: Caller,
  { previous, next, openSchedules = 0 }: { previous: Flag; next: Flag; openSchedules?: number },
): FlagEventDraft<FlagChangeType> => {
  const [previousState, newState] = [flagSnapshot(previous), flagSnapshot(next)];
  const changes = diffStates(previousState, newState);
  const status = previous.status === next.status ? undefined : statusEvents[next.status];
  return {
    eventType: status?.eventType ?? 'flag.updated',
    ...ofFlag(admin, next),
    allEnvironments: status !== undefined,
    previousState,
    newState,
    changes: nameElements(changes),
    description: status
      ? `Flag '${next.key}' ${status.sentence} ${fromTo(previous, next)}${describeOpenSchedules(openSchedules)}`
      : `Flag '${next.key}' was updated: ${describeChanges(changes)}`,
    metadata: { flagKey: next.key, ...adminFields(admin), ...(openSchedules > 0 && { openSchedules }) },
  };
};

/** "; it has 2 open schedules", or nothing. */
export const describeOpenSchedules = (openSchedules: number): string =>
  openSchedules > 0 ? `; it has ${countOf(openSchedules, 'open schedule')}` : '';

/** "enabled changed from true to false; status changed from 'ACTIVE' to 'ARCHIVED' in all environments". */
export const describeStateChanges = (changes: readonly FieldChange[]): string =>
  [
    describeChanges(changes.filter(({ field }) => field !== 'status')),
    ...changes.filter(({ field }) => field === 'status').map((change) => `${describeChanges([change])} in all environments`),
  ]
    .filter(Boolean)
    .join('; ');

/** "(from ACTIVE to ARCHIVED)". */
export const fromTo = (previous: Pick<Flag, 'status'>, next: Pick<Flag, 'status'>): string =>
  `(from ${previous.status} to ${next.status})`;

/** The event type and the wording for each new status. */
export const statusEvents = {
  ACTIVE: { eventType: 'flag.activated', sentence: 'was made active again' },
  DEPRECATED: { eventType: 'flag.deprecated', sentence: 'was deprecated' },
  ARCHIVED: { eventType: 'flag.archived', sentence: 'was archived' },
} as const satisfies Record<Flag['status'], { eventType: FlagChangeType; sentence: string }>;
