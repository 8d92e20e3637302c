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
    key: t.string({ required: true, description: 'Its name, for people: 1–64 characters.' }),
    hypothesis: t.string({ description: 'What it is meant to find out: up to 1,000 characters.' }),
    variants: t.field({
      type: [ExperimentVariantInput],
      required: true,
      description: 'The variants that take part, with their weights: 2–100.',
    }),
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
  description: 'The outcome of the running experiment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    outcome: t.string({ required: true, description: 'What was found out: 1–4,000 characters.' }),
    winningVariant: t.string({ description: 'The variant that won: it becomes the default variant in the same change.' }),
  }),
});

mutation('startExperiment', {
  type: FlagStateType,
  description:
    'Starts an experiment. It divides users among its variants, by weight: those whom the rollout reaches and no override or rule decides for. Only one can run at a time.',
  input: { type: StartExperimentInput, schema: startExperimentSchema, description: 'The experiment.' },
  errors: [...stateChangeErrors, ExperimentAlreadyRunningError],
  run: ({ app, caller }, input) => app.startExperiment(caller, input),
});

mutation('stopExperiment', {
  type: FlagStateType,
  description: 'Stops the running experiment, and records its outcome. The winning variant, if any, becomes the default variant.',
  input: { type: StopExperimentInput, schema: stopExperimentSchema, description: 'The outcome.' },
  errors: [...stateChangeErrors, ExperimentNotRunningError],
  run: ({ app, caller }, input) => app.stopExperiment(caller, input),
});
