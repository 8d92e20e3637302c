import { z } from 'zod';
import { refuse, toValidationError, ValidationError } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';
import { type FlagRule, flagRuleSchema, flagRulesSchema, normalizeRule, ruleKeySchema } from '../../targeting/model/flag-rule.ts';
import type { EffectiveState } from './effective-state.ts';
import { type Experiment, experimentSchema } from './experiment.ts';
import type { Flag } from './flag.ts';
import {
  ExperimentAlreadyRunningError,
  ExperimentNotRunningError,
  FlagOverrideAlreadyExistsError,
  FlagOverrideNotFoundError,
  FlagRuleAlreadyExistsError,
  FlagRuleNotFoundError,
} from './flag-errors.ts';
import {
  type FlagOverride,
  flagOverrideSchema,
  isExpired,
  isSameTarget,
  maxOverrides,
  overrideTargetSchema,
} from './flag-override.ts';
import { stateTarget } from './state-target.ts';
import { variantKeySchema } from './variant.ts';
import { findUnknownVariant, findVariantUseIssues } from './variant-use.ts';

// The parts of a state that come and go one by one: rules, overrides, the experiment. Each function gives the state after the
// change, or the very same object where it changes nothing.

const position = z.int32().min(0, 'must be 0 or more').nullish();

/** A rule that is added, or that replaces the one with its key; `position` moves it. */
export const setFlagRuleSchema = z.object({ ...stateTarget, rule: flagRuleSchema, position });
export type SetFlagRule = z.infer<typeof setFlagRuleSchema>;
export const removeFlagRuleSchema = z.object({ ...stateTarget, ruleKey: ruleKeySchema });
export type RemoveFlagRule = z.infer<typeof removeFlagRuleSchema>;

export const startExperimentSchema = z.object({ ...stateTarget, experiment: experimentSchema });
export type StartExperiment = z.infer<typeof startExperimentSchema>;
export const stopExperimentSchema = z.object({
  ...stateTarget,
  outcome: text(1, 4000),
  winningVariant: variantKeySchema.nullish(),
});
export type StopExperiment = z.infer<typeof stopExperimentSchema>;

export const addFlagOverrideSchema = z.object({ ...stateTarget, override: flagOverrideSchema });
export type AddFlagOverride = z.infer<typeof addFlagOverrideSchema>;
export const removeFlagOverrideSchema = z.object({ ...stateTarget, override: overrideTargetSchema });
export type RemoveFlagOverride = z.infer<typeof removeFlagOverrideSchema>;

type Variants = Pick<Flag, 'key' | 'type' | 'variants'>;

const withRules = (flag: Variants, state: EffectiveState, rules: FlagRule[], changed: number): EffectiveState => {
  const { error } = flagRulesSchema.safeParse(rules);
  if (error) throw toValidationError(error, ['rule']);
  refuse(
    findVariantUseIssues(flag, { rules: rules.slice(changed, changed + 1) }).map(({ path: [, , ...path], message }) => ({
      path: ['rule', ...path],
      message,
    })),
  );
  return isSameJson(rules, state.rules) ? state : { ...state, rules };
};

const indexOfRule = ({ rules, environment }: EffectiveState, key: string, { key: flagKey }: Variants): number => {
  const index = rules.findIndex((rule) => rule.key === key);
  if (index < 0) throw new FlagRuleNotFoundError({ flagKey, environment, ruleKey: key });
  return index;
};

/** Puts a rule at `position` (from 0), or behind the others. Throws FlagRuleAlreadyExistsError, ValidationError. */
export const addRule = (flag: Variants, state: EffectiveState, { rule, position }: SetFlagRule): EffectiveState => {
  if (state.rules.some(({ key }) => key === rule.key)) {
    throw new FlagRuleAlreadyExistsError({ flagKey: flag.key, environment: state.environment, ruleKey: rule.key });
  }
  const index = Math.min(position ?? state.rules.length, state.rules.length);
  return withRules(flag, state, state.rules.toSpliced(index, 0, normalizeRule(rule)), index);
};

/** Gives a rule other values, and moves it where `position` says. Throws FlagRuleNotFoundError, ValidationError. */
export const updateRule = (flag: Variants, state: EffectiveState, { rule, position }: SetFlagRule): EffectiveState => {
  const from = indexOfRule(state, rule.key, flag);
  const to = Math.min(position ?? from, state.rules.length - 1);
  return withRules(flag, state, state.rules.toSpliced(from, 1).toSpliced(to, 0, normalizeRule(rule)), to);
};

/** Throws a FlagRuleNotFoundError. */
export const removeRule = (flag: Variants, state: EffectiveState, { ruleKey }: RemoveFlagRule): EffectiveState => ({
  ...state,
  rules: state.rules.toSpliced(indexOfRule(state, ruleKey, flag), 1),
});

/** Starts an experiment. Throws an ExperimentAlreadyRunningError where one runs, and a ValidationError for unknown variants. */
export const startExperiment = (
  flag: Variants,
  state: EffectiveState,
  { experiment: { key, hypothesis, variants } }: StartExperiment,
  { now, startedBy }: { now: Date; startedBy: string | null },
): EffectiveState & { experiment: Experiment } => {
  if (state.experiment) {
    throw new ExperimentAlreadyRunningError({
      flagKey: flag.key,
      environment: state.environment,
      experimentKey: state.experiment.key,
    });
  }
  refuse(
    variants.flatMap(({ variant }, index) =>
      findUnknownVariant(flag, variant, ['experiment', 'variants', `${index}`, 'variant']),
    ),
  );
  const startedAt = now.toISOString();
  return { ...state, experiment: { key, hypothesis: hypothesis ?? null, variants, startedAt, startedBy } };
};

/**
 * Stops the running experiment; the winning variant, where there is one, becomes the default variant in the same change.
 * Throws an ExperimentNotRunningError where none runs, and a ValidationError for a winner that did not take part.
 */
export const stopExperiment = (flag: Variants, state: EffectiveState, { winningVariant }: StopExperiment): EffectiveState => {
  const { experiment } = state;
  if (!experiment) throw new ExperimentNotRunningError(flag.key, state.environment);
  const arms = experiment.variants.map(({ variant }) => variant);
  if (winningVariant != null && !arms.includes(winningVariant)) {
    const message = `is '${winningVariant}', which did not take part: it must be one of ${arms.join(', ')}`;
    throw new ValidationError([{ path: ['winningVariant'], message }]);
  }
  return { ...state, experiment: null, ...(winningVariant != null && { defaultVariant: winningVariant }) };
};

/** An override as it is kept. */
export const toOverride = ({ override: { expiresAt, ...override } }: AddFlagOverride): FlagOverride => ({
  ...override,
  expiresAt: expiresAt?.toISOString() ?? null,
});

/**
 * Gives one user or group a variant. Overrides that have expired go with it, and can be replaced. Throws a
 * FlagOverrideAlreadyExistsError, and a ValidationError for an unknown variant, an expiry that has passed, or too many overrides.
 */
export const addOverride = (flag: Variants, state: EffectiveState, input: AddFlagOverride, now: Date): EffectiveState => {
  const override = toOverride(input);
  const { type, targetId, variant, expiresAt } = override;
  const others = state.overrides.filter((other) => !isExpired(other, now) && !isSameTarget(other, override));
  const existing = state.overrides.find((other) => isSameTarget(other, override));
  if (existing && !isExpired(existing, now)) {
    throw new FlagOverrideAlreadyExistsError({ flagKey: flag.key, environment: state.environment, type, targetId });
  }
  const past = isExpired(override, now)
    ? [{ path: ['override', 'expiresAt'], message: `is ${expiresAt}, must be after now, ${now.toISOString()}` }]
    : [];
  const tooMany =
    others.length >= maxOverrides
      ? [{ path: ['override'], message: `would be one more than the ${maxOverrides} that a state may have at a time` }]
      : [];
  refuse([...findUnknownVariant(flag, variant, ['override', 'variant']), ...past, ...tooMany]);
  return { ...state, overrides: [...others, override] };
};

/** The override of a user or group. Throws a FlagOverrideNotFoundError. */
export const findOverride = (flag: Variants, state: EffectiveState, { override }: RemoveFlagOverride): FlagOverride => {
  const found = state.overrides.find((other) => isSameTarget(other, override));
  if (!found) throw new FlagOverrideNotFoundError({ flagKey: flag.key, environment: state.environment, ...override });
  return found;
};
