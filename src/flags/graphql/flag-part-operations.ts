import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { builder, requires } from '../../graphql/builder.ts';
import { ValidationError } from '../../kernel/errors.ts';
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
  addFlagRuleSchema,
  removeFlagOverrideSchema,
  removeFlagRuleSchema,
  startExperimentSchema,
  stopExperimentSchema,
  updateFlagRuleSchema,
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
  ValidationError,
];

builder.mutationFields((t) => ({
  addFlagRule: t.field({
    type: FlagStateType,
    description:
      "Adds a targeting rule to a flag in one environment. A rule that flagd's evaluators could not evaluate is refused.",
    args: {
      input: t.arg({ type: AddFlagRuleInput, required: true, validate: { schema: addFlagRuleSchema }, description: 'The rule.' }),
    },
    errors: { types: [...changeErrors, FlagRuleAlreadyExistsError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.addFlagRule(caller, input),
  }),
  updateFlagRule: t.field({
    type: FlagStateType,
    description: 'Changes a targeting rule, or moves it. What changes nothing is not recorded.',
    args: {
      input: t.arg({
        type: UpdateFlagRuleInput,
        required: true,
        validate: { schema: updateFlagRuleSchema },
        description: 'The rule.',
      }),
    },
    errors: { types: [...changeErrors, FlagRuleNotFoundError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.updateFlagRule(caller, input),
  }),
  removeFlagRule: t.field({
    type: FlagStateType,
    description: 'Removes a targeting rule.',
    args: {
      input: t.arg({
        type: RemoveFlagRuleInput,
        required: true,
        validate: { schema: removeFlagRuleSchema },
        description: 'Which one.',
      }),
    },
    errors: { types: [...changeErrors, FlagRuleNotFoundError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.removeFlagRule(caller, input),
  }),
  startExperiment: t.field({
    type: FlagStateType,
    description: 'Starts an experiment: whom no override and no rule decides gets its variants, by weight. One runs at a time.',
    args: {
      input: t.arg({
        type: StartExperimentInput,
        required: true,
        validate: { schema: startExperimentSchema },
        description: 'The experiment.',
      }),
    },
    errors: { types: [...changeErrors, ExperimentAlreadyRunningError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.startExperiment(caller, input),
  }),
  stopExperiment: t.field({
    type: FlagStateType,
    description: 'Stops the running experiment, and says what came of it. A variant that has won becomes the default variant.',
    args: {
      input: t.arg({
        type: StopExperimentInput,
        required: true,
        validate: { schema: stopExperimentSchema },
        description: 'What came of it.',
      }),
    },
    errors: { types: [...changeErrors, ExperimentNotRunningError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.stopExperiment(caller, input),
  }),
  addFlagOverride: t.field({
    type: FlagStateType,
    description: 'Gives one user or one group a variant, whatever the rules say. One that has expired can be replaced.',
    args: {
      input: t.arg({
        type: AddFlagOverrideInput,
        required: true,
        validate: { schema: addFlagOverrideSchema },
        description: 'Who gets what.',
      }),
    },
    errors: { types: [...changeErrors, FlagOverrideAlreadyExistsError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.addFlagOverride(caller, input),
  }),
  removeFlagOverride: t.field({
    type: FlagStateType,
    description: 'Takes the variant of one user or one group back.',
    args: {
      input: t.arg({
        type: RemoveFlagOverrideInput,
        required: true,
        validate: { schema: removeFlagOverrideSchema },
        description: 'Whose.',
      }),
    },
    errors: { types: [...changeErrors, FlagOverrideNotFoundError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.removeFlagOverride(caller, input),
  }),
}));
