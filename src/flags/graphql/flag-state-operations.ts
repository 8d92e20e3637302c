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
      description:
        'Change it only if the flag itself is still at this version. Use it for updates of `status`, which belongs to the flag.',
    }),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change.' }),
  }),
});

const EmergencyOverrideInput = builder.inputType('EmergencyOverrideInput', {
  description: 'A change that one environment needs at once, and why.',
  fields: (t) => ({
    ...stateTargetFields(t),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change. `status` is not allowed here.' }),
    reason: t.string({
      required: true,
      description: 'Why: 1–1,000 characters. Admins read it when their change of the flag is refused.',
    }),
  }),
});

const LiftEmergencyOverrideInput = builder.inputType('LiftEmergencyOverrideInput', {
  description: 'Which emergency override to lift.',
  fields: (t) => ({
    ...stateTargetFields(t),
    reason: t.string({ description: 'Why: 1–1,000 characters.' }),
  }),
});

mutation('updateFlagState', {
  type: FlagStateType,
  description:
    'Changes a flag in one environment at once, and records it as one event. If nothing changes, no event is recorded.',
  input: { type: UpdateFlagStateInput, schema: updateFlagStateSchema, description: 'The change.' },
  errors: [...stateChangeErrors, FlagVersionConflictError],
  run: ({ app, caller }, input) => app.updateFlagState(caller, input),
});

mutation('emergencyOverride', {
  type: FlagStateType,
  description:
    'Sets a flag in one environment at once and holds it there. Until an admin lifts the override, other changes are refused, and schedules that become due fail. They are retried as often as their `maxRetries` allows; select `openSchedules` to see which they are. Another emergency override replaces it.',
  input: { type: EmergencyOverrideInput, schema: emergencyOverrideSchema, description: 'What, and why.' },
  errors: [FlagNotFoundError, FlagArchivedError, EnvironmentNotFoundError, VersionConflictError],
  run: ({ app, caller }, input) => app.emergencyOverride(caller, input),
});

mutation('liftEmergencyOverride', {
  type: FlagStateType,
  description:
    'Lifts an emergency override. The flag stays as it is, and can be changed again. Failed schedules with a retry to come will be applied, and can undo what the override did: select `upcomingRetries`, and cancel those that must not be applied.',
  input: { type: LiftEmergencyOverrideInput, schema: liftEmergencyOverrideSchema, description: 'Which one.' },
  errors: [FlagNotFoundError, EnvironmentNotFoundError, VersionConflictError, EmergencyOverrideNotActiveError],
  run: ({ app, caller }, input) => app.liftEmergencyOverride(caller, input),
});
