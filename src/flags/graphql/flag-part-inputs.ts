import { builder } from '../../graphql/builder.ts';
import { OverrideType } from './flag-enums.ts';
import { FlagRuleInput, stateTargetFields } from './flag-inputs.ts';

export const AddFlagRuleInput = builder.inputType('AddFlagRuleInput', {
  description: 'A new targeting rule of a flag in one environment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    rule: t.field({ type: FlagRuleInput, required: true, description: 'The rule.' }),
    position: t.int({
      description: 'Its place among the rules, from 0; behind the others when it is not given, or they are fewer.',
    }),
  }),
});

export const UpdateFlagRuleInput = builder.inputType('UpdateFlagRuleInput', {
  description: 'What a targeting rule shall be.',
  fields: (t) => ({
    ...stateTargetFields(t),
    rule: t.field({ type: FlagRuleInput, required: true, description: 'The rule of that key, as it shall be.' }),
    position: t.int({ description: 'Its new place among the rules, from 0; its old one when it is not given.' }),
  }),
});

export const RemoveFlagRuleInput = builder.inputType('RemoveFlagRuleInput', {
  description: 'Which targeting rule to remove.',
  fields: (t) => ({
    ...stateTargetFields(t),
    ruleKey: t.string({ required: true, description: "The rule's key." }),
  }),
});

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

export const StartExperimentInput = builder.inputType('StartExperimentInput', {
  description: 'An experiment with a flag in one environment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    experiment: t.field({ type: ExperimentInput, required: true, description: 'The experiment.' }),
  }),
});

export const StopExperimentInput = builder.inputType('StopExperimentInput', {
  description: 'What came of the running experiment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    outcome: t.string({ required: true, description: 'What was found out: 1–4,000 characters.' }),
    winningVariant: t.string({ description: 'The variant that has won: it becomes the default variant in the same change.' }),
  }),
});

const FlagOverrideInput = builder.inputType('FlagOverrideInput', {
  description: 'A variant for one user or one group.',
  fields: (t) => ({
    type: t.field({ type: OverrideType, required: true, description: 'Whom it is for.' }),
    targetId: t.string({ required: true, description: 'The user or the group: 1–255 characters.' }),
    variant: t.string({ required: true, description: 'What they get.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'From then on it no longer counts; it stays when this is not given.' }),
  }),
});

const OverrideTargetInput = builder.inputType('OverrideTargetInput', {
  description: 'Whose override.',
  fields: (t) => ({
    type: t.field({ type: OverrideType, required: true, description: 'Whether it is of a user or of a group.' }),
    targetId: t.string({ required: true, description: 'The user or the group.' }),
  }),
});

export const AddFlagOverrideInput = builder.inputType('AddFlagOverrideInput', {
  description: 'A variant of a flag in one environment, for one user or one group.',
  fields: (t) => ({
    ...stateTargetFields(t),
    override: t.field({ type: FlagOverrideInput, required: true, description: 'Who gets what.' }),
  }),
});

export const RemoveFlagOverrideInput = builder.inputType('RemoveFlagOverrideInput', {
  description: 'Whose variant to take back.',
  fields: (t) => ({
    ...stateTargetFields(t),
    override: t.field({ type: OverrideTargetInput, required: true, description: 'Whose.' }),
  }),
});
