import type { Experiment } from '../../flags/model/experiment.ts';
import type { FlagOverride } from '../../flags/model/flag-override.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';
import type { Variant } from '../../flags/model/variant.ts';
import type { Json } from '../../kernel/json.ts';

/** What of a state decides which variant somebody gets. */
export type Decisions = Pick<FlagState, 'rolloutPercentage' | 'rules' | 'overrides' | 'experiment'>;

type Parts = {
  variants: readonly Variant[];
  state: Decisions;
  /** The variant of the flag where nothing else decides; null: the application's own default. */
  served: string | null;
  /** The variant of those outside of the rollout; null: the application's own default. */
  outside: string | null;
};

const targetingKey: Json = { var: 'targetingKey' };

/**
 * A state as flagd has it: one expression in which the first that decides wins (overrides of users, overrides of groups, rules,
 * rollout, experiment), and the variant where it gives null. Null in place of the expression: the variant is all there is.
 */
export const composeTargeting = ({ variants, state, served, outside }: Parts): { targeting: Json; fallback: string | null } => {
  const { targeting, fallback } = composeRollout(state, { served, outside });
  const mayBeFalsy = variants.some(({ key }) => key === 'false' || key === '0');
  const rules = state.rules.map((rule) => rule.targeting).filter((rule) => Object.keys(rule ?? {}).length > 0);
  return { targeting: composeOverrides(state.overrides, composeRules(rules, targeting, mayBeFalsy)), fallback };
};

/** Overrides of users come before those of groups, each in their order. */
const composeOverrides = (overrides: readonly FlagOverride[], otherwise: Json): Json => {
  const ordered = [...overrides.filter(({ type }) => type === 'USER'), ...overrides.filter(({ type }) => type === 'GROUP')];
  if (ordered.length === 0) return otherwise;
  const branches = ordered.flatMap((override) => [isTarget(override), override.variant]);
  return { if: otherwise === null ? branches : [...branches, otherwise] };
};

const isTarget = ({ type, targetId, expiresAt }: FlagOverride): Json => {
  const matches: Json = type === 'USER' ? { '===': [targetingKey, targetId] } : { in: [targetId, { var: 'groups' }] };
  if (expiresAt === null) return matches;
  // flagd's time is whole seconds, rounded down.
  const expiresAtSeconds = Math.ceil(Date.parse(expiresAt) / 1000);
  return { and: [matches, { '<': [{ var: '$flagd.timestamp' }, expiresAtSeconds] }] };
};

/**
 * The first rule that does not give null, as `or` finds it. Only a variant whose name is falsy once it is no text (`false`,
 * `0`) needs the longer form, in which such a result is not taken for none.
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
 * The rollout buckets by flag and targeting key, from the bottom: raising the percentage keeps everybody who is in. Who has no
 * targeting key is outside, and in no experiment.
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

/** It buckets by its own key, too, so that it divides those who are in the rollout, and anew in each experiment. */
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
