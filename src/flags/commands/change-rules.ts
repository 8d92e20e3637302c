import type { Caller } from '../../access/model/actor.ts';
import { addRule, type RemoveFlagRule, removeRule, type SetFlagRule, updateRule } from '../model/change-rules.ts';
import type { FlagState } from '../model/flag-state.ts';
import { ruleAdded, ruleRemoved, ruleUpdated } from '../model/flag-state-events.ts';
import { makeChangeFlagState, type StateDeps } from './change-flag-state.ts';

/**
 * Adds, updates and removes targeting rules. All functions throw what `makeChangeFlagState` throws, and FlagRuleNotFoundError,
 * FlagRuleAlreadyExistsError, ValidationError.
 */
export const makeChangeRules = (deps: StateDeps) => {
  const changeFlagState = makeChangeFlagState(deps);
  return {
    addFlagRule: (admin: Caller, input: SetFlagRule): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state }) => addRule(flag, state, input),
        sets: ['rules'],
        event: (change) => ruleAdded(change, input.rule.key),
      }),
    updateFlagRule: (admin: Caller, input: SetFlagRule): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state }) => updateRule(flag, state, input),
        sets: ['rules'],
        event: (change) => ruleUpdated(change, input.rule.key),
      }),
    removeFlagRule: (admin: Caller, input: RemoveFlagRule): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state }) => removeRule(flag, state, input),
        sets: ['rules'],
        event: (change) => ruleRemoved(change, input.ruleKey),
      }),
  };
};
