import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { removeFlagRuleSchema, setFlagRuleSchema } from '../model/change-rules.ts';
import { FlagRuleAlreadyExistsError, FlagRuleNotFoundError } from '../model/flag-errors.ts';
import { FlagRuleInput, stateTargetFields } from './flag-inputs.ts';
import { FlagStateType } from './flag-state.ts';
import { stateChangeErrors } from './state-change-errors.ts';

const AddFlagRuleInput = builder.inputType('AddFlagRuleInput', {
  description: 'A new targeting rule for a flag in one environment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    rule: t.field({ type: FlagRuleInput, required: true, description: 'The rule.' }),
    position: t.int({
      description: 'Its index among the rules, from 0. Without it, or beyond the last rule, the new rule goes to the end.',
    }),
  }),
});

const UpdateFlagRuleInput = builder.inputType('UpdateFlagRuleInput', {
  description: 'A targeting rule as it should be.',
  fields: (t) => ({
    ...stateTargetFields(t),
    rule: t.field({
      type: FlagRuleInput,
      required: true,
      description: 'The rule as it should be. Its key says which rule to change.',
    }),
    position: t.int({ description: 'Its new index among the rules, from 0. Without it, the rule stays where it is.' }),
  }),
});

const RemoveFlagRuleInput = builder.inputType('RemoveFlagRuleInput', {
  description: 'Which targeting rule to remove.',
  fields: (t) => ({
    ...stateTargetFields(t),
    ruleKey: t.string({ required: true, description: "The rule's key." }),
  }),
});

mutation('addFlagRule', {
  type: FlagStateType,
  description: 'Adds a targeting rule to a flag in one environment. A rule that flagd could not evaluate is refused.',
  input: { type: AddFlagRuleInput, schema: setFlagRuleSchema, description: 'The rule.' },
  errors: [...stateChangeErrors, FlagRuleAlreadyExistsError],
  run: ({ app, caller }, input) => app.addFlagRule(caller, input),
});

mutation('updateFlagRule', {
  type: FlagStateType,
  description: 'Changes a targeting rule, or moves it. If nothing changes, no event is recorded.',
  input: { type: UpdateFlagRuleInput, schema: setFlagRuleSchema, description: 'The rule.' },
  errors: [...stateChangeErrors, FlagRuleNotFoundError],
  run: ({ app, caller }, input) => app.updateFlagRule(caller, input),
});

mutation('removeFlagRule', {
  type: FlagStateType,
  description: 'Removes a targeting rule.',
  input: { type: RemoveFlagRuleInput, schema: removeFlagRuleSchema, description: 'Which one.' },
  errors: [...stateChangeErrors, FlagRuleNotFoundError],
  run: ({ app, caller }, input) => app.removeFlagRule(caller, input),
});
