import type { Caller } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from '../../audit/model/attribution.ts';
import { countOf, describeChanges, diffStates, quote } from '../../audit/model/changes.ts';
import { nameElements } from '../../audit/model/element-changes.ts';
import type { Json } from '../../kernel/json.ts';
import type { EffectiveState } from './effective-state.ts';
import type { EmergencyOverride } from './emergency-override.ts';
import type { Experiment } from './experiment.ts';
import type { Flag } from './flag.ts';
import type { FlagEventDraft, FlagEventMetadata, FlagEventType } from './flag-event-types.ts';
import { describeOpenSchedules, describeStateChanges, fromTo, statusEvents } from './flag-events.ts';
import type { FlagOverride } from './flag-override.ts';
import { type FlagUpdates, flagUpdatesSchema, normalizeUpdates } from './flag-updates.ts';
import { effectiveSnapshot } from './snapshots.ts';

/** A change of one state, from which its event is made. */
export type StateChange = { admin: Caller; flag: Flag; previous: EffectiveState; next: EffectiveState };

type Details<Type extends FlagEventType> = {
  eventType: Type;
  description: string;
  metadata: Omit<FlagEventMetadata<Type>, 'flagKey' | 'environment' | 'adminUserId' | 'adminEmail'>;
};

const named = ({ flag, next }: StateChange): string => `Flag '${flag.key}' in ${next.environment}`;

/** The event of one change of a state, with the full state before and after it. */
const stateChanged = <Type extends FlagEventType>(
  { admin, flag, previous, next }: StateChange,
  { eventType, description, metadata }: Details<Type>,
): FlagEventDraft<Type> => {
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
    changes: nameElements(diffStates(previousState, newState)),
    description,
    metadata: { flagKey: flag.key, environment: next.environment, ...adminFields(admin), ...metadata } as FlagEventMetadata<Type>,
  };
};

type UpdateType = Extract<
  FlagEventType,
  | 'flag.enabled'
  | 'flag.disabled'
  | 'flag.rollout_changed'
  | 'flag.archived'
  | 'flag.activated'
  | 'flag.deprecated'
  | 'flag.updated'
>;

/**
 * An update of a state. The most significant field that changed names the event; the description mentions each change once.
 * `openSchedules` is how many will fail because the update archives the flag.
 */
export const flagStateUpdated = (change: StateChange, openSchedules: number): FlagEventDraft<UpdateType> => {
  const { field, eventType, sentence } = nameUpdate(change);
  const changes = diffStates(effectiveSnapshot(change.previous), effectiveSnapshot(change.next));
  const others = describeStateChanges(changes.filter((one) => one.field !== field));
  const further = others && (field === 'status' ? `; in ${change.next.environment}, ${others}` : `; ${others}`);
  const description = sentence ? `${sentence}${describeOpenSchedules(openSchedules)}${further}` : `${named(change)}: ${others}`;
  return stateChanged<UpdateType>(change, { eventType, description, metadata: { ...(openSchedules > 0 && { openSchedules }) } });
};

/** The field that names the event, and its sentence. Without a `field`, no single field stands out. */
const nameUpdate = (change: StateChange): { field?: string; eventType: UpdateType; sentence?: string } => {
  const { previous, next } = change;
  const fromPreviousToNext = (value: (state: EffectiveState) => Json) =>
    `from ${quote(value(previous))} to ${quote(value(next))}`;
  // Archiving turns the flag off everywhere, so it outweighs every other change.
  if (previous.status !== next.status && next.status === 'ARCHIVED') return nameStatus(change);
  if (previous.enabled !== next.enabled) {
    const [eventType, done] = next.enabled ? (['flag.enabled', 'enabled'] as const) : (['flag.disabled', 'disabled'] as const);
    return { field: 'enabled', eventType, sentence: `${named(change)} was ${done}` };
  }
  if (previous.rolloutPercentage !== next.rolloutPercentage) {
    const sentence = `${named(change)}: rollout configuration changed ${fromPreviousToNext((state) => state.rolloutPercentage)} %`;
    return { field: 'rolloutPercentage', eventType: 'flag.rollout_changed', sentence };
  }
  if (previous.status !== next.status) return nameStatus(change);
  if (previous.defaultVariant !== next.defaultVariant) {
    const sentence = `${named(change)}: default value changed ${fromPreviousToNext((state) => state.defaultVariant)}`;
    return { field: 'defaultVariant', eventType: 'flag.updated', sentence };
  }
  return { eventType: 'flag.updated' };
};

const nameStatus = ({ flag, previous, next }: StateChange) => {
  const { eventType, sentence } = statusEvents[next.status];
  return {
    field: 'status',
    eventType,
    sentence: `Flag '${flag.key}' ${sentence} in all environments ${fromTo(previous, next)}`,
  };
};

export const ruleAdded = (change: StateChange, ruleKey: string) =>
  stateChanged(change, {
    eventType: 'flag_rule.added',
    description: `${named(change)}: rule '${ruleKey}' was added`,
    metadata: { ruleKey },
  });

export const ruleUpdated = (change: StateChange, ruleKey: string) =>
  stateChanged(change, {
    eventType: 'flag_rule.updated',
    description: `${named(change)}: rule '${ruleKey}' was changed`,
    metadata: { ruleKey },
  });

export const ruleRemoved = (change: StateChange, ruleKey: string) =>
  stateChanged(change, {
    eventType: 'flag_rule.removed',
    description: `${named(change)}: rule '${ruleKey}' was removed`,
    metadata: { ruleKey },
  });

export const experimentStarted = (change: StateChange, { key, variants }: Experiment) =>
  stateChanged(change, {
    eventType: 'flag_experiment.started',
    description: `${named(change)}: experiment '${key}' was started with ${variants.map(({ variant, weight }) => `${weight} '${variant}'`).join(' : ')}`,
    metadata: { experimentKey: key, variants },
  });

/** `winningVariant` is null if no variant won. */
export const experimentStopped = (
  change: StateChange,
  { key }: Experiment,
  { outcome, winningVariant }: { outcome: string; winningVariant: string | null },
) =>
  stateChanged(change, {
    eventType: 'flag_experiment.stopped',
    description: `${named(change)}: experiment '${key}' was stopped${winningVariant === null ? '' : `, '${winningVariant}' has won`}: ${outcome}`,
    metadata: { experimentKey: key, outcome, winningVariant },
  });

const targetOf = ({ type, targetId }: Pick<FlagOverride, 'type' | 'targetId'>) => ({ override_type: type, target_id: targetId });
const nameOf = ({ type, targetId }: Pick<FlagOverride, 'type' | 'targetId'>) => `${type.toLowerCase()} '${targetId}'`;

export const overrideAdded = (change: StateChange, override: FlagOverride) => {
  const { variant, expiresAt } = override;
  return stateChanged(change, {
    eventType: 'flag_override.added',
    description: `${named(change)}: ${nameOf(override)} gets '${variant}'${expiresAt === null ? '' : ` until ${expiresAt}`}, whatever the rules say`,
    metadata: { ...targetOf(override), variant, expiresAt },
  });
};

export const overrideRemoved = (change: StateChange, override: FlagOverride) =>
  stateChanged(change, {
    eventType: 'flag_override.removed',
    description: `${named(change)}: the override of ${nameOf(override)} was removed`,
    metadata: { ...targetOf(override), reason: null },
  });

const emergencyTarget = ({ flag }: StateChange) => ({ override_type: 'EMERGENCY' as const, target_id: flag.key });

/** "disabled, with rollout 100 and default variant 'red'". */
const describeState = ({ enabled, rolloutPercentage, defaultVariant }: EffectiveState): string =>
  `${enabled ? 'enabled' : 'disabled'}, with rollout ${rolloutPercentage}${defaultVariant === null ? '' : ` and default variant '${defaultVariant}'`}`;

/** "'ada' had held it disabled, with rollout 100, since 2026-03-01T09:00:00.000Z (checkout is down)". */
const describeEmergency = ({ startedBy, startedAt, reason }: EmergencyOverride, state: EffectiveState): string =>
  `${startedBy === null ? 'somebody' : `'${startedBy}'`} had held it ${describeState(state)}, since ${startedAt} (${reason})`;

/** `openSchedules` is how many will fail while the emergency override is in force. */
export const emergencyOverridden = (
  change: StateChange,
  { reason, updates, openSchedules }: { reason: string; updates: FlagUpdates; openSchedules: number },
) => {
  const { previous, next } = change;
  const changes = diffStates(effectiveSnapshot(previous), effectiveSnapshot(next));
  const details = describeChanges(changes.filter(({ field }) => field !== 'emergency'));
  const met = openSchedules > 0 ? `; ${countOf(openSchedules, 'open schedule')} will fail while it is in force` : '';
  const before = previous.emergency ? `; until now, ${describeEmergency(previous.emergency, previous)}` : '';
  return stateChanged(change, {
    eventType: 'flag_override.emergency',
    description: `${named(change)}: EMERGENCY OVERRIDE (${reason}): ${details || `it stays ${describeState(next)}`}${before}${met}`,
    metadata: { ...emergencyTarget(change), reason, updates, ...(openSchedules > 0 && { openSchedules }) },
  });
};

/** Failed schedules with a retry to come: how many, and the next ones. */
export type UpcomingRetries = { total: number; soonest: readonly Retry[] };
/** `updates` is as stored: if it is invalid, that is why the schedule failed. */
type Retry = { id: string; environment: string; scheduledAt: Date; nextRetryAt: Date | null; updates: unknown };

export const emergencyLifted = (change: StateChange, reason: string | null, { total, soonest }: UpcomingRetries) => {
  const [first] = soonest;
  const follow = total === 1 ? '1 failed schedule is tried again' : `${total} failed schedules are tried again`;
  const when = `${total === 1 ? '' : ', the first'} at ${first?.nextRetryAt?.toISOString()}`;
  const { previous } = change;
  const before = previous.emergency ? `; ${describeEmergency(previous.emergency, previous)}` : '';
  return stateChanged(change, {
    eventType: 'flag_override.removed',
    description: `${named(change)}: the emergency override was lifted${reason === null ? '' : `: ${reason}`}${before}${first ? `; ${follow}${when}` : ''}`,
    metadata: { ...emergencyTarget(change), reason, retriesTotal: total, retries: soonest.map(describeRetry) },
  });
};

/** Leaves out the rules: they can take 64 KiB each time, and the schedule holds them. */
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
