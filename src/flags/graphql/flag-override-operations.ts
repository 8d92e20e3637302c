import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { addFlagOverrideSchema, removeFlagOverrideSchema } from '../model/change-overrides.ts';
import { FlagOverrideAlreadyExistsError, FlagOverrideNotFoundError } from '../model/flag-errors.ts';
import { OverrideType } from './flag-enums.ts';
import { stateTargetFields } from './flag-inputs.ts';
import { FlagStateType } from './flag-state.ts';
import { stateChangeErrors } from './state-change-errors.ts';

const FlagOverrideInput = builder.inputType('FlagOverrideInput', {
  description: 'A variant for one user or one group.',
  fields: (t) => ({
    type: t.field({ type: OverrideType, required: true, description: 'Whom it is for.' }),
    targetId: t.string({ required: true, description: 'The user or the group: 1–255 characters.' }),
    variant: t.string({ required: true, description: 'The key of the variant that they get.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it expires: an instant in the future. Without it, the override never expires.',
    }),
  }),
});

const OverrideTargetInput = builder.inputType('OverrideTargetInput', {
  description: 'The user or the group that an override is for.',
  fields: (t) => ({
    type: t.field({ type: OverrideType, required: true, description: 'Whether it is for a user or for a group.' }),
    targetId: t.string({ required: true, description: 'The user or the group.' }),
  }),
});

const AddFlagOverrideInput = builder.inputType('AddFlagOverrideInput', {
  description: 'A new override of a flag in one environment.',
  fields: (t) => ({
    ...stateTargetFields(t),
    override: t.field({ type: FlagOverrideInput, required: true, description: 'The override: who gets which variant.' }),
  }),
});

const RemoveFlagOverrideInput = builder.inputType('RemoveFlagOverrideInput', {
  description: 'Which override to remove.',
  fields: (t) => ({
    ...stateTargetFields(t),
    override: t.field({ type: OverrideTargetInput, required: true, description: 'The user or the group that it is for.' }),
  }),
});

mutation('addFlagOverride', {
  type: FlagStateType,
  description: 'Gives one user or one group a variant, whatever the rules say. It replaces an override that has expired.',
  input: { type: AddFlagOverrideInput, schema: addFlagOverrideSchema, description: 'The override.' },
  errors: [...stateChangeErrors, FlagOverrideAlreadyExistsError],
  run: ({ app, caller }, input) => app.addFlagOverride(caller, input),
});

mutation('removeFlagOverride', {
  type: FlagStateType,
  description: 'Removes the override of one user or one group.',
  input: {
    type: RemoveFlagOverrideInput,
    schema: removeFlagOverrideSchema,
    description: 'The user or the group that it is for.',
  },
  errors: [...stateChangeErrors, FlagOverrideNotFoundError],
  run: ({ app, caller }, input) => app.removeFlagOverride(caller, input),
});
