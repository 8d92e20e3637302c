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

const AddFlagOverrideInput = builder.inputType('AddFlagOverrideInput', {
  description: 'A variant of a flag in one environment, for one user or one group.',
  fields: (t) => ({
    ...stateTargetFields(t),
    override: t.field({ type: FlagOverrideInput, required: true, description: 'Who gets what.' }),
  }),
});

const RemoveFlagOverrideInput = builder.inputType('RemoveFlagOverrideInput', {
  description: 'Whose variant to take back.',
  fields: (t) => ({
    ...stateTargetFields(t),
    override: t.field({ type: OverrideTargetInput, required: true, description: 'Whose.' }),
  }),
});

mutation('addFlagOverride', {
  type: FlagStateType,
  description: 'Gives one user or one group a variant, whatever the rules say. One that has expired can be replaced.',
  input: { type: AddFlagOverrideInput, schema: addFlagOverrideSchema, description: 'Who gets what.' },
  errors: [...stateChangeErrors, FlagOverrideAlreadyExistsError],
  run: ({ app, caller }, input) => app.addFlagOverride(caller, input),
});

mutation('removeFlagOverride', {
  type: FlagStateType,
  description: 'Takes the variant of one user or one group back.',
  input: { type: RemoveFlagOverrideInput, schema: removeFlagOverrideSchema, description: 'Whose.' },
  errors: [...stateChangeErrors, FlagOverrideNotFoundError],
  run: ({ app, caller }, input) => app.removeFlagOverride(caller, input),
});
