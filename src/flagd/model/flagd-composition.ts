import type { Experiment } from '../../flags/model/experiment.ts';
import type { FlagOverride } from '../../flags/model/flag-override.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';
import type { Variant } from '../../flags/model/variant.ts';
import type { Json } from '../../kernel/json.ts';

/** The fields of a state that decide which variant a user gets. */
export type Decisions = Pick<FlagState, 'rolloutPercentage' | 'rules' | 'overrides' | 'experiment'>;

type Parts = {
  variants: readonly Variant[];
  state: Decisions;
  /** The variant if nothing else decides; null for the application's own default. */
  served: string | null;
  /** The variant outside the rollout; null for the application's own default. */
  outside: string | null;
};

const targetingKey: Json = { var: 'targetingKey' };

/**
 * Writes a state as flagd's `targeting` and `defaultVariant`. `targeting` tries user overrides, group overrides, rules, rollout
 * and experiment in this order; the first that decides wins. If it gives null, flagd uses `fallback`. A null `targeting` means
 * that `fallback` always applies.
 */
export const composeTargeting = ({ variants, state, served, outside }: Parts): { targeting: Json; fallback: string | null } => {
  const { targeting, fallback } = composeRollout(state, { served, outside });
  const mayBeFalsy = variants.some(({ key }) => key === 'false' || key === '0');
  const rules = state.rules.map((rule) => rule.targeting).filter((rule) => Object.keys(rule ?? {}).length > 0);
  return { targeting: composeOverrides(state.overrides, composeRules(rules, targeting, mayBeFalsy)), fallback };
};

/** User overrides come before group overrides, both in their stored order. */
const composeOverrides = (overrides: readonly FlagOverride[], otherwise: Json): Json => {
  const ordered = [...overrides.filter(({ type }) => type === 'USER'), ...overrides.filter(({ type }) => type === 'GROUP')];
  if (ordered.length === 0) return otherwise;
  const branches = ordered.flatMap((override) => [isTarget(override), override.variant]);
  return { if: otherwise === null ? branches : [...branches, otherwise] };
};

const isTarget = ({ type, targetId, expiresAt }: FlagOverride): Json => {
  const matches: Json = type === 'USER' ? { '===': [targetingKey, targetId] } : { in: [targetId, { var: 'groups' }] };
  if (expiresAt === null) return matches;
  // flagd's timestamp is in whole seconds, rounded down.
  const expiresAtSeconds = Math.ceil(Date.parse(expiresAt) / 1000);
  return { and: [matches, { '<': [{ var: '$flagd.timestamp' }, expiresAtSeconds] }] };
};

/**
 * Combines the rules so that the first result other than null wins. `or` does this, unless a variant's key becomes falsy when
 * it is no longer text (`false`, `0`). Then a longer form compares with null.
 */
const composeRules = (rules: readonly Json[], otherwise: Json, mayBeFalsy: boolean): Json => {
  const alternatives = otherwise === null ? rules : [...rules, otherwise];
  if (alternatives.length < 2) return alternatives[0] ?? null;
  if (!mayBeFalsy) return { or: [...alternatives] };
  return alternatives.reduceRight<Json>(
    (rest, rule) => (rest === null ? rule : { if: [{ '===': [rule, null] }, rest, rule] }),
    null,
  );
};

/**
 * Buckets users by flag and targeting key. The rollout takes buckets from the bottom, so raising the percentage keeps everybody
 * who is in. A user without a targeting key is outside the rollout and in no experiment.
 */
const composeRollout = (
  { rolloutPercentage, experiment }: Decisions,
  { served, outside }: Pick<Parts, 'served' | 'outside'>,
): { targeting: Json; fallback: string | null } => {
  const inside = experiment ? composeExperiment(experiment) : served;
  if (rolloutPercentage === 0 || inside === outside) return { targeting: null, fallback: outside };
  if (rolloutPercentage === 100) return { targeting: experiment ? inside : null, fallback: served };
  const split = (one: string, other: string): Json => ({
    fractional: [
      [one, rolloutPercentage],
      [other, 100 - rolloutPercentage],
    ],
  });
  if (typeof inside === 'string' && outside !== null) return { targeting: split(inside, outside), fallback: outside };
  return {
    targeting: { if: [{ '===': [split('in', 'out'), 'in'] }, inside, outside] },
    fallback: served === null ? null : outside,
  };
};

/** Buckets also by the experiment's key, so that each experiment divides the users of the rollout in a new way. */
const composeExperiment = ({ key, variants }: Experiment): Json => ({
  if: [
    targetingKey,
    {
      fractional: [
        { cat: [{ var: '$flagd.flagKey' }, ` experiment ${key} `, targetingKey] },
        ...variants.map(({ variant, weight }): Json => [variant, weight]),
      ],
    },
  ],
});
