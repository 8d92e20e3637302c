import type { Caller } from '../access/actor.ts';
import { adminFields, attributedTo } from '../audit/attribution.ts';
import type { EventDraft } from '../audit/audit-event.ts';
import { describeChanges, diffStates } from '../audit/changes.ts';
import type { AuditEventType, EventMetadata } from '../audit/event-metadata.ts';
import type { Experiment } from './experiment.ts';
import type { Flag } from './flag.ts';
import { statusEvents } from './flag-events.ts';
import type { FlagOverride } from './flag-override.ts';
import { type EffectiveState, type FlagUpdates, flagUpdatesSchema, normalizeUpdates } from './flag-state.ts';
import { effectiveSnapshot } from './snapshots.ts';

/** A change of a flag in one environment, as an event sees it. */
export type StateChange = { admin: Caller; flag: Flag; previous: EffectiveState; next: EffectiveState };

type Details<Type extends AuditEventType> = {
  eventType: Type;
  /** What was done, after "Flag 'x' in production: ". */
  sentence: string;
  metadata: Omit<EventMetadata<Type>, 'flagKey' | 'environment' | 'adminUserId' | 'adminEmail'>;
};

/** One event for one change of a state, with the state whole before and after it. */
const stateChanged = <Type extends AuditEventType>(
  { admin, flag, previous, next }: StateChange,
  { eventType, sentence, metadata }: Details<Type>,
): EventDraft<Type> => {
  const [previousState, newState] = [effectiveSnapshot(previous), effectiveSnapshot(next)];
  return {
    eventType,
    ...attributedTo(admin),
    resource: { type: 'flag', id: flag.id },
    flagKey: flag.key,
    environment: next.environment,
    allEnvironments: previous.status !== next.status,
    previousState,
    newState,
    changes: diffStates(previousState, newState),
    description: `Flag '${flag.key}' in ${next.environment}: ${sentence}`,
    metadata: { flagKey: flag.key, environment: next.environment, ...adminFields(admin), ...metadata } as EventMetadata<Type>,
  };
};

type UpdateType = Extract<
  AuditEventType,
  | 'flag.enabled'
  | 'flag.disabled'
  | 'flag.rollout_changed'
  | 'flag.archived'
  | 'flag.activated'
  | 'flag.deprecated'
  | 'flag.updated'
>;

/** An update of a state, named after the most telling field that changed. */
export const flagStateUpdated = (change: StateChange): EventDraft<UpdateType> => {
  const { eventType, sentence } = nameUpdate(change);
  const changes = describeChanges(diffStates(effectiveSnapshot(change.previous), effectiveSnapshot(change.next)));
  return stateChanged<UpdateType>(change, { eventType, sentence: sentence ? `${sentence}; ${changes}` : changes, metadata: {} });
};

/** Empty: the changes say it all. */
const nameUpdate = ({ previous, next }: StateChange): { eventType: UpdateType; sentence: string } => {
  // Whatever else changed: the flag is off everywhere now.
  if (previous.status !== next.status && next.status === 'ARCHIVED') return inAllEnvironments(next.status);
  if (previous.enabled !== next.enabled) {
    return next.enabled
      ? { eventType: 'flag.enabled', sentence: 'was enabled' }
      : { eventType: 'flag.disabled', sentence: 'was disabled' };
  }
  if (previous.rolloutPercentage !== next.rolloutPercentage) {
    return { eventType: 'flag.rollout_changed', sentence: 'rollout configuration changed' };
  }
  if (previous.status !== next.status) return inAllEnvironments(next.status);
  if (previous.defaultVariant !== next.defaultVariant) return { eventType: 'flag.updated', sentence: 'default value changed' };
  return { eventType: 'flag.updated', sentence: '' };
};

const inAllEnvironments = (status: Flag['status']) => {
  const { eventType, sentence } = statusEvents[status];
  return { eventType, sentence: `${sentence} in all environments` };
};

export const ruleAdded = (change: StateChange, ruleKey: string) =>
  stateChanged(change, { eventType: 'flag_rule.added', sentence: `rule '${ruleKey}' was added`, metadata: { ruleKey } });

export const ruleUpdated = (change: StateChange, ruleKey: string) =>
  stateChanged(change, { eventType: 'flag_rule.updated', sentence: `rule '${ruleKey}' was changed`, metadata: { ruleKey } });

export const ruleRemoved = (change: StateChange, ruleKey: string) =>
  stateChanged(change, { eventType: 'flag_rule.removed', sentence: `rule '${ruleKey}' was removed`, metadata: { ruleKey } });

export const experimentStarted = (change: StateChange, { key, variants }: Experiment) =>
  stateChanged(change, {
    eventType: 'flag_experiment.started',
    sentence: `experiment '${key}' was started with ${variants.map(({ variant, weight }) => `${weight} '${variant}'`).join(' : ')}`,
    metadata: { experimentKey: key, variants },
  });

/** `winningVariant` null: none won. */
export const experimentStopped = (
  change: StateChange,
  { key }: Experiment,
  { outcome, winningVariant }: { outcome: string; winningVariant: string | null },
) =>
  stateChanged(change, {
    eventType: 'flag_experiment.stopped',
    sentence: `experiment '${key}' was stopped${winningVariant === null ? '' : `, '${winningVariant}' has won`}: ${outcome}`,
    metadata: { experimentKey: key, outcome, winningVariant },
  });

const targetOf = ({ type, targetId }: Pick<FlagOverride, 'type' | 'targetId'>) => ({ override_type: type, target_id: targetId });
const nameOf = ({ type, targetId }: Pick<FlagOverride, 'type' | 'targetId'>) => `${type.toLowerCase()} '${targetId}'`;

export const overrideAdded = (change: StateChange, override: FlagOverride) => {
  const { variant, expiresAt } = override;
  return stateChanged(change, {
    eventType: 'flag_override.added',
    sentence: `${nameOf(override)} gets '${variant}'${expiresAt === null ? '' : ` until ${expiresAt}`}, whatever the rules say`,
    metadata: { ...targetOf(override), variant, expiresAt },
  });
};

export const overrideRemoved = (change: StateChange, override: FlagOverride) =>
  stateChanged(change, {
    eventType: 'flag_override.removed',
    sentence: `the override of ${nameOf(override)} was removed`,
    metadata: { ...targetOf(override), reason: null },
  });

const emergencyTarget = ({ flag }: StateChange) => ({ override_type: 'EMERGENCY' as const, target_id: flag.key });

export const emergencyOverridden = (change: StateChange, { reason, updates }: { reason: string; updates: FlagUpdates }) => {
  const changes = diffStates(effectiveSnapshot(change.previous), effectiveSnapshot(change.next));
  const details = describeChanges(changes.filter(({ field }) => field !== 'emergency'));
  const replaced = change.previous.emergency;
  const instead = replaced ? `, in place of the one of '${replaced.startedBy ?? 'unknown'}' (${replaced.reason})` : '';
  return stateChanged(change, {
    eventType: 'flag_override.emergency',
    sentence: `EMERGENCY OVERRIDE (${reason})${instead}: ${details || 'it stays as it is'}`,
    metadata: { ...emergencyTarget(change), reason, updates },
  });
};

/** Schedules that failed and are tried again by themselves: how many, and the soonest of them. */
export type UpcomingRetries = { total: number; soonest: readonly Retry[] };
/** Updates come as they were stored: what makes no sense is why such a schedule failed. */
type Retry = { id: string; environment: string; scheduledAt: Date; nextRetryAt: Date | null; updates: unknown };

export const emergencyLifted = (change: StateChange, reason: string | null, { total, soonest }: UpcomingRetries) => {
  const [first] = soonest;
  const follow = total === 1 ? '1 failed schedule is tried again' : `${total} failed schedules are tried again`;
  const when = `${total === 1 ? '' : ', the first'} at ${first?.nextRetryAt?.toISOString()}`;
  return stateChanged(change, {
    eventType: 'flag_override.removed',
    sentence: `the emergency override was lifted${reason === null ? '' : `: ${reason}`}${first ? `; ${follow}${when}` : ''}`,
    metadata: { ...emergencyTarget(change), reason, retriesTotal: total, retries: soonest.map(describeRetry) },
  });
};

/** Rules may take 64 KiB each time, and the schedule has them. */
const describeRetry = ({ id, environment, scheduledAt, nextRetryAt, updates: stored }: Retry) => {
  const { rules, ...updates } = normalizeUpdates(flagUpdatesSchema.safeParse(stored).data ?? {});
  return {
    scheduleId: id,
    environment,
    scheduledAt: scheduledAt.toISOString(),
    nextRetryAt: nextRetryAt?.toISOString() ?? null,
    updates: { ...updates, ...(rules && { rulesCount: rules.length }) },
  };
};
