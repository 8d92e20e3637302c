import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { updateFlagStateSchema } from '../model/apply-updates.ts';
import {
  EmergencyOverrideNotActiveError,
  FlagArchivedError,
  FlagNotFoundError,
  FlagVersionConflictError,
  VersionConflictError,
} from '../model/flag-errors.ts';
import { emergencyOverrideSchema, liftEmergencyOverrideSchema } from '../model/hold-state.ts';
import { stateTargetFields } from './flag-inputs.ts';
import { FlagStateType } from './flag-state.ts';
import { FlagUpdatesInput } from './flag-updates.ts';
import { stateChangeErrors } from './state-change-errors.ts';

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

mutation('updateFlagState', {
  type: FlagStateType,
  description: 'Changes a flag in one environment, at once: one event for all of it. What changes nothing is not recorded.',
  input: { type: UpdateFlagStateInput, schema: updateFlagStateSchema, description: 'The change.' },
  errors: [...stateChangeErrors, FlagVersionConflictError],
  run: ({ app, caller }, input) => app.updateFlagState(caller, input),
});

mutation('emergencyOverride', {
  type: FlagStateType,
  description:
    'Sets a flag in one environment at once and holds it so: until it is lifted, other changes are refused, and schedules that become due fail; they are tried again as often as their `maxRetries` says. Ask for `openSchedules` to see which. Another emergency override replaces it.',
  input: { type: EmergencyOverrideInput, schema: emergencyOverrideSchema, description: 'What, and why.' },
  errors: [FlagNotFoundError, FlagArchivedError, EnvironmentNotFoundError, VersionConflictError],
  run: ({ app, caller }, input) => app.emergencyOverride(caller, input),
});

mutation('liftEmergencyOverride', {
  type: FlagStateType,
  description:
    'Lifts an emergency override. The flag stays as it is; from now on it can be changed again. Schedules that wait for a retry follow, and may undo what the override did: ask for `upcomingRetries`, and cancel those that must not.',
  input: { type: LiftEmergencyOverrideInput, schema: liftEmergencyOverrideSchema, description: 'Which one.' },
  errors: [FlagNotFoundError, EnvironmentNotFoundError, VersionConflictError, EmergencyOverrideNotActiveError],
  run: ({ app, caller }, input) => app.liftEmergencyOverride(caller, input),
});
