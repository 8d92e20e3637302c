import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { mutation } from '../../graphql/mutation.ts';
import {
  EmergencyOverrideActiveError,
  ExperimentAlreadyRunningError,
  ExperimentNotRunningError,
  FlagArchivedError,
  FlagNotFoundError,
  FlagOverrideAlreadyExistsError,
  FlagOverrideNotFoundError,
  FlagRuleAlreadyExistsError,
  FlagRuleNotFoundError,
  VersionConflictError,
} from '../model/flag-errors.ts';
import {
  addFlagOverrideSchema,
  removeFlagOverrideSchema,
  removeFlagRuleSchema,
  setFlagRuleSchema,
  startExperimentSchema,
  stopExperimentSchema,
} from '../model/state-parts.ts';
import {
  AddFlagOverrideInput,
  AddFlagRuleInput,
  RemoveFlagOverrideInput,
  RemoveFlagRuleInput,
  StartExperimentInput,
  StopExperimentInput,
  UpdateFlagRuleInput,
} from './flag-part-inputs.ts';
import { FlagStateType } from './flag-state.ts';

const changeErrors = [
  FlagNotFoundError,
  FlagArchivedError,
  EnvironmentNotFoundError,
  VersionConflictError,
  EmergencyOverrideActiveError,
];

mutation('addFlagRule', {
  type: FlagStateType,
  description:
    "Adds a targeting rule to a flag in one environment. A rule that flagd's evaluators could not evaluate is refused.",
  input: { type: AddFlagRuleInput, schema: setFlagRuleSchema, description: 'The rule.' },
  errors: [...changeErrors, FlagRuleAlreadyExistsError],
  run: ({ app, caller }, input) => app.addFlagRule(caller, input),
});

mutation('updateFlagRule', {
  type: FlagStateType,
  description: 'Changes a targeting rule, or moves it. What changes nothing is not recorded.',
  input: { type: UpdateFlagRuleInput, schema: setFlagRuleSchema, description: 'The rule.' },
  errors: [...changeErrors, FlagRuleNotFoundError],
  run: ({ app, caller }, input) => app.updateFlagRule(caller, input),
});

mutation('removeFlagRule', {
  type: FlagStateType,
  description: 'Removes a targeting rule.',
  input: { type: RemoveFlagRuleInput, schema: removeFlagRuleSchema, description: 'Which one.' },
  errors: [...changeErrors, FlagRuleNotFoundError],
  run: ({ app, caller }, input) => app.removeFlagRule(caller, input),
});

mutation('startExperiment', {
  type: FlagStateType,
  description: 'Starts an experiment: whom no override and no rule decides gets its variants, by weight. One runs at a time.',
  input: { type: StartExperimentInput, schema: startExperimentSchema, description: 'The experiment.' },
  errors: [...changeErrors, ExperimentAlreadyRunningError],
  run: ({ app, caller }, input) => app.startExperiment(caller, input),
});

mutation('stopExperiment', {
  type: FlagStateType,
  description: 'Stops the running experiment, and says what came of it. A variant that has won becomes the default variant.',
  input: { type: StopExperimentInput, schema: stopExperimentSchema, description: 'What came of it.' },
  errors: [...changeErrors, ExperimentNotRunningError],
  run: ({ app, caller }, input) => app.stopExperiment(caller, input),
});

mutation('addFlagOverride', {
  type: FlagStateType,
  description: 'Gives one user or one group a variant, whatever the rules say. One that has expired can be replaced.',
  input: { type: AddFlagOverrideInput, schema: addFlagOverrideSchema, description: 'Who gets what.' },
  errors: [...changeErrors, FlagOverrideAlreadyExistsError],
  run: ({ app, caller }, input) => app.addFlagOverride(caller, input),
});

mutation('removeFlagOverride', {
  type: FlagStateType,
  description: 'Takes the variant of one user or one group back.',
  input: { type: RemoveFlagOverrideInput, schema: removeFlagOverrideSchema, description: 'Whose.' },
  errors: [...changeErrors, FlagOverrideNotFoundError],
  run: ({ app, caller }, input) => app.removeFlagOverride(caller, input),
});
