import { z } from 'zod';
import { refuse, toValidationError } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';
import { type FlagRule, flagRulesSchema, normalizeRule } from '../../targeting/model/flag-rule.ts';
import type { Experiment } from './experiment.ts';
import { type Flag, type FlagStatus, findStatusIssues, flagArchived, flagStatuses } from './flag.ts';
import { VersionConflictError } from './flag-errors.ts';
import type { FlagOverride } from './flag-override.ts';
import { type LastSets, type StateField, stateFields } from './last-set.ts';
import { variantKeySchema } from './variant.ts';
import { findVariantUseIssues } from './variant-use.ts';

/** Why a state is held as it is: until it is lifted, no normal change and no schedule touches it. */
export type EmergencyOverride = {
  reason: string;
  /** RFC 3339 in UTC. */
  startedAt: string;
  /** The admin's userId; null where none is known. */
  startedBy: string | null;
};

/** What a flag is in one environment. */
export type FlagState = {
  flagId: string;
  environment: string;
  enabled: boolean;
  rolloutPercentage: number;
  defaultVariant: string | null;
  /** In the order in which they are tried. */
  rules: FlagRule[];
  overrides: FlagOverride[];
  /** The running one. */
  experiment: Experiment | null;
  /** The one in force. */
  emergency: EmergencyOverride | null;
  /** Counts this state's changes, from 1. */
  version: number;
  /** Who set each field last. */
  lastSet: LastSets;
  updatedAt: Date;
};

/** A state with the status of its flag: all that an update can change. */
export type EffectiveState = FlagState & { status: FlagStatus };

export const effectiveReasons = ['ENABLED', 'DISABLED', 'FLAG_ARCHIVED', 'FLAG_DELETED'] as const;
export type EffectiveReason = (typeof effectiveReasons)[number];

/** What a state comes to, given the flag's status (null: the flag was deleted meanwhile): whether the flag is on there, and why. */
export const effectOf = (
  { enabled }: Pick<FlagState, 'enabled'>,
  status: FlagStatus | null,
): { enabled: boolean; reason: EffectiveReason } => {
  if (status === null) return { enabled: false, reason: 'FLAG_DELETED' };
  if (status === 'ARCHIVED') return { enabled: false, reason: 'FLAG_ARCHIVED' };
  return { enabled, reason: enabled ? 'ENABLED' : 'DISABLED' };
};

/** A flag's state in an environment before it was ever changed: disabled, and at full rollout, so that enabling it is one change. */
export const newFlagState = ({ id }: Pick<Flag, 'id'>, environment: string, now: Date): FlagState => ({
  flagId: id,
  environment,
  enabled: false,
  rolloutPercentage: 100,
  defaultVariant: null,
  rules: [],
  overrides: [],
  experiment: null,
  emergency: null,
  version: 1,
  lastSet: {},
  updatedAt: now,
});

const updatable = {
  enabled: z.boolean().nullish(),
  rolloutPercentage: z
    .int('must be a whole number from 0 to 100')
    .min(0, 'must be from 0 to 100')
    .max(100, 'must be from 0 to 100')
    .nullish(),
  defaultVariant: variantKeySchema.nullish(),
  rules: flagRulesSchema.nullish(),
  status: z.enum(flagStatuses).nullish(),
};

/** What a change of state carries: at least one field. A null says the same as an absent field. */
export const flagUpdatesSchema = z
  .object(updatable)
  .refine(
    (updates) => Object.values(updates).some((value) => value != null),
    `must change at least one of ${Object.keys(updatable).join(', ')}`,
  );
export type FlagUpdates = {
  enabled?: boolean;
  rolloutPercentage?: number;
  defaultVariant?: string;
  /** All of them, in order: they replace those that were there. */
  rules?: FlagRule[];
  /** The flag's, in every environment. */
  status?: FlagStatus;
};

/** Which state a change is of. */
export const stateTarget = {
  flagKey: text(1, 128),
  environment: text(1, 64).default('production'),
  expectedVersion: z.int32().min(1, 'must be 1 or more').nullish(),
};
export type StateTarget = { flagKey: string; environment: string; expectedVersion?: number | null };

export const updateFlagStateSchema = z.object({
  ...stateTarget,
  updates: flagUpdatesSchema,
  expectedFlagVersion: stateTarget.expectedVersion,
});
export type UpdateFlagState = z.infer<typeof updateFlagStateSchema>;

/** Drops what is absent, so that equal updates are equal JSON. */
export const normalizeUpdates = (input: z.infer<typeof flagUpdatesSchema>): FlagUpdates => ({
  ...(input.enabled != null && { enabled: input.enabled }),
  ...(input.rolloutPercentage != null && { rolloutPercentage: input.rolloutPercentage }),
  ...(input.defaultVariant != null && { defaultVariant: input.defaultVariant }),
  ...(input.rules != null && { rules: input.rules.map(normalizeRule) }),
  ...(input.status != null && { status: input.status }),
});

/** The fields of a state that updates set. */
export const stateFieldsOf = (updates: FlagUpdates): StateField[] => stateFields.filter((field) => updates[field] !== undefined);

/** Reads updates that were stored; throws a ValidationError where they no longer are what a change may carry. */
export const parseStoredUpdates = (stored: unknown): FlagUpdates => {
  const parsed = flagUpdatesSchema.safeParse(stored);
  if (parsed.success) return normalizeUpdates(parsed.data);
  throw toValidationError(parsed.error, ['updates']);
};

/**
 * Refuses updates that the flag cannot take as it is: a ValidationError for variants and rules that could not be evaluated, a
 * FlagArchivedError for a flag that is archived and stays so.
 */
export const checkUpdates = (
  flag: Pick<Flag, 'key' | 'type' | 'variants' | 'status' | 'statusLastSet'>,
  updates: FlagUpdates,
): void => {
  const issues = [
    ...findVariantUseIssues(flag, updates),
    ...(updates.status === undefined ? [] : findStatusIssues(flag.status, updates.status)),
  ];
  refuse(issues.map(({ path, message }) => ({ path: ['updates', ...path], message })));
  const { status = flag.status, ...ofState } = updates;
  const staysArchived = flag.status === 'ARCHIVED' && status === 'ARCHIVED';
  if (staysArchived && Object.keys(ofState).length > 0) throw flagArchived(flag);
};

/** The state after the updates; the very same object where they change nothing. */
export const applyUpdates = <State extends EffectiveState>(state: State, updates: FlagUpdates, now: Date): State => {
  const next = { ...state, ...updates };
  const changed = (Object.keys(updates) as (keyof FlagUpdates)[]).some((field) => !isSameJson(next[field], state[field]));
  return changed ? { ...next, version: state.version + 1, updatedAt: now } : state;
};

/** Refuses to change a state that is not at the version that the caller expects. Throws a VersionConflictError. */
export const checkVersion = (state: FlagState, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== state.version) throw new VersionConflictError(expectedVersion, state);
};
