import { z } from 'zod';
import { refuse, toValidationError } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { type FlagRule, flagRuleSchema, flagRulesSchema, normalizeRule, ruleKeySchema } from '../../targeting/model/flag-rule.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Flag } from './flag.ts';
import { FlagRuleAlreadyExistsError, FlagRuleNotFoundError } from './flag-errors.ts';
import { stateTarget } from './state-target.ts';
import { findVariantUseIssues } from './variant-use.ts';

// Each function returns the state after the change, or the same object if nothing changes.

const position = z.int32().min(0, 'must be 0 or more').nullish();

/** A rule to add, or the new values of the rule with its key. `position` moves it. */
export const setFlagRuleSchema = z.object({ ...stateTarget, rule: flagRuleSchema, position });
export type SetFlagRule = z.infer<typeof setFlagRuleSchema>;
export const removeFlagRuleSchema = z.object({ ...stateTarget, ruleKey: ruleKeySchema });
export type RemoveFlagRule = z.infer<typeof removeFlagRuleSchema>;

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

/** Inserts a rule at `position` (from 0), by default at the end. Throws FlagRuleAlreadyExistsError, ValidationError. */
export const addRule = (flag: Variants, state: EffectiveState, { rule, position }: SetFlagRule): EffectiveState => {
  if (state.rules.some(({ key }) => key === rule.key)) {
    throw new FlagRuleAlreadyExistsError({ flagKey: flag.key, environment: state.environment, ruleKey: rule.key });
  }
  const index = Math.min(position ?? state.rules.length, state.rules.length);
  return withRules(flag, state, state.rules.toSpliced(index, 0, normalizeRule(rule)), index);
};

/** Replaces a rule, and moves it if `position` is given. Throws FlagRuleNotFoundError, ValidationError. */
export const updateRule = (flag: Variants, state: EffectiveState, { rule, position }: SetFlagRule): EffectiveState => {
  const from = indexOfRule(state, rule.key, flag);
  const to = Math.min(position ?? from, state.rules.length - 1);
  return withRules(flag, state, state.rules.toSpliced(from, 1).toSpliced(to, 0, normalizeRule(rule)), to);
};

/** Removes a rule. Throws a FlagRuleNotFoundError. */
export const removeRule = (flag: Variants, state: EffectiveState, { ruleKey }: RemoveFlagRule): EffectiveState => ({
  ...state,
  rules: state.rules.toSpliced(indexOfRule(state, ruleKey, flag), 1),
});
