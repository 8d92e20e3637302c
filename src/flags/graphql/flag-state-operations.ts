import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { builder, requires } from '../../graphql/builder.ts';
import { ValidationError } from '../../kernel/errors.ts';
import { updateFlagStateSchema } from '../model/apply-updates.ts';
import {
  EmergencyOverrideActiveError,
  EmergencyOverrideNotActiveError,
  FlagArchivedError,
  FlagNotFoundError,
  FlagVersionConflictError,
  VersionConflictError,
} from '../model/flag-errors.ts';
import { emergencyOverrideSchema, liftEmergencyOverrideSchema } from '../model/hold-state.ts';
import { FlagUpdatesInput, stateTargetFields } from './flag-inputs.ts';
import { FlagStateType } from './flag-state.ts';

const UpdateFlagStateInput = builder.inputType('UpdateFlagStateInput', {
  description: 'A change of a flag in one environment, now.',
  fields: (t) => ({
    ...stateTargetFields(t),
    expectedFlagVersion: t.int({
      description: 'Change it only if the flag itself is still at this version: for updates of `status`, which is of the flag.',
    }),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change.' }),
  }),
});

const EmergencyOverrideInput = builder.inputType('EmergencyOverrideInput', {
  description: 'What a flag must be in one environment at once, and why.',
  fields: (t) => ({
    ...stateTargetFields(t),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change; `status` cannot be part of it.' }),
    reason: t.string({ required: true, description: 'Why: 1–1,000 characters. Everybody who finds the flag held will read it.' }),
  }),
});

const LiftEmergencyOverrideInput = builder.inputType('LiftEmergencyOverrideInput', {
  description: 'Which emergency override is over.',
  fields: (t) => ({
    ...stateTargetFields(t),
    reason: t.string({ description: 'Why: 1–1,000 characters.' }),
  }),
});

builder.mutationFields((t) => ({
  updateFlagState: t.field({
    type: FlagStateType,
    description: 'Changes a flag in one environment, at once: one event for all of it. What changes nothing is not recorded.',
    args: {
      input: t.arg({
        type: UpdateFlagStateInput,
        required: true,
        validate: { schema: updateFlagStateSchema },
        description: 'The change.',
      }),
    },
    errors: {
      types: [
        FlagNotFoundError,
        FlagArchivedError,
        EnvironmentNotFoundError,
        VersionConflictError,
        FlagVersionConflictError,
        EmergencyOverrideActiveError,
        ValidationError,
      ],
    },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.updateFlagState(caller, input),
  }),
  emergencyOverride: t.field({
    type: FlagStateType,
    description:
      'Sets a flag in one environment at once and holds it so: until it is lifted, other changes are refused, and schedules that become due fail; they are tried again as often as their `maxRetries` says. Ask for `openSchedules` to see which. Another emergency override replaces it.',
    args: {
      input: t.arg({
        type: EmergencyOverrideInput,
        required: true,
        validate: { schema: emergencyOverrideSchema },
        description: 'What, and why.',
      }),
    },
    errors: { types: [FlagNotFoundError, FlagArchivedError, EnvironmentNotFoundError, VersionConflictError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.emergencyOverride(caller, input),
  }),
  liftEmergencyOverride: t.field({
    type: FlagStateType,
    description:
      'Lifts an emergency override. The flag stays as it is; from now on it can be changed again. Schedules that wait for a retry follow, and may undo what the override did: ask for `upcomingRetries`, and cancel those that must not.',
    args: {
      input: t.arg({
        type: LiftEmergencyOverrideInput,
        required: true,
        validate: { schema: liftEmergencyOverrideSchema },
        description: 'Which one.',
      }),
    },
    errors: {
      types: [
        FlagNotFoundError,
        EnvironmentNotFoundError,
        VersionConflictError,
        EmergencyOverrideNotActiveError,
        ValidationError,
      ],
    },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.liftEmergencyOverride(caller, input),
  }),
}));
