import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { ExperimentAlreadyRunningError, ExperimentNotRunningError } from '../model/flag-errors.ts';
import { startExperimentSchema, stopExperimentSchema } from '../model/run-experiment.ts';
import { stateTargetFields } from './flag-inputs.ts';
import { FlagStateType } from './flag-state.ts';
import { stateChangeErrors } from './state-change-errors.ts';

const ExperimentVariantInput = builder.inputType('ExperimentVariantInput', {
  description: 'A variant that takes part in an experiment.',
  fields: (t) => ({
    variant: t.string({ required: true, description: "The variant's key." }),
    weight: t.int({ required: true, description: 'Its share, relative to the sum of all weights: 1–1,000,000.' }),
  }),
});

const ExperimentInput = builder.inputType('ExperimentInput', {
  description: 'An experiment.',
  fields: (t) => ({
    key: t.string({ required: true, description: 'What people call it: 1–64 characters.' }),
    hypothesis: t.string({ description: 'What it shall find out: up to 1,000 characters.' }),
    variants: t.field({ type: [ExperimentVariantInput], required: true, description: 'Who gets what: 2–100 variants.' }),
  }),
});

const StartExperimentInput = builder.inputType('StartExperimentInput', {
  description: 'An experiment with a flag in one environment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    experiment: t.field({ type: ExperimentInput, required: true, description: 'The experiment.' }),
  }),
});

const StopExperimentInput = builder.inputType('StopExperimentInput', {
  description: 'What came of the running experiment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    outcome: t.string({ required: true, description: 'What was found out: 1–4,000 characters.' }),
    winningVariant: t.string({ description: 'The variant that has won: it becomes the default variant in the same change.' }),
  }),
});

mutation('startExperiment', {
  type: FlagStateType,
  description: 'Starts an experiment: whom no override and no rule decides gets its variants, by weight. One runs at a time.',
  input: { type: StartExperimentInput, schema: startExperimentSchema, description: 'The experiment.' },
  errors: [...stateChangeErrors, ExperimentAlreadyRunningError],
  run: ({ app, caller }, input) => app.startExperiment(caller, input),
});

mutation('stopExperiment', {
  type: FlagStateType,
  description: 'Stops the running experiment, and says what came of it. A variant that has won becomes the default variant.',
  input: { type: StopExperimentInput, schema: stopExperimentSchema, description: 'What came of it.' },
  errors: [...stateChangeErrors, ExperimentNotRunningError],
  run: ({ app, caller }, input) => app.stopExperiment(caller, input),
});
