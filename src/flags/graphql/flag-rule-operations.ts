import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { removeFlagRuleSchema, setFlagRuleSchema } from '../model/change-rules.ts';
import { FlagRuleAlreadyExistsError, FlagRuleNotFoundError } from '../model/flag-errors.ts';
import { FlagRuleInput, stateTargetFields } from './flag-inputs.ts';
import { FlagStateType } from './flag-state.ts';
import { stateChangeErrors } from './state-change-errors.ts';

const AddFlagRuleInput = builder.inputType('AddFlagRuleInput', {
  description: 'A new targeting rule of a flag in one environment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    rule: t.field({ type: FlagRuleInput, required: true, description: 'The rule.' }),
    position: t.int({
      description: 'Its place among the rules, from 0; behind the others when it is not given, or they are fewer.',
    }),
  }),
});

const UpdateFlagRuleInput = builder.inputType('UpdateFlagRuleInput', {
  description: 'What a targeting rule shall be.',
  fields: (t) => ({
    ...stateTargetFields(t),
    rule: t.field({ type: FlagRuleInput, required: true, description: 'The rule of that key, as it shall be.' }),
    position: t.int({ description: 'Its new place among the rules, from 0; its old one when it is not given.' }),
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
  description:
    "Adds a targeting rule to a flag in one environment. A rule that flagd's evaluators could not evaluate is refused.",
  input: { type: AddFlagRuleInput, schema: setFlagRuleSchema, description: 'The rule.' },
  errors: [...stateChangeErrors, FlagRuleAlreadyExistsError],
  run: ({ app, caller }, input) => app.addFlagRule(caller, input),
});

mutation('updateFlagRule', {
  type: FlagStateType,
  description: 'Changes a targeting rule, or moves it. What changes nothing is not recorded.',
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
