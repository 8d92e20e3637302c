import { EnvironmentDisabledError, EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import type { InputFields } from '../../flags/graphql/flag-inputs.ts';
import { FlagUpdatesInput } from '../../flags/graphql/flag-updates.ts';
import { EmergencyOverrideActiveError, FlagArchivedError, FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { scheduleTargetSchema, updateScheduleSchema } from '../model/edit-schedule.ts';
import {
  ScheduleNotApplicableError,
  ScheduleNotEditableError,
  ScheduleNotFoundError,
  ScheduleNotRetryableError,
  ScheduleVersionConflictError,
} from '../model/schedule-errors.ts';
import { ScheduleRef } from './schedule.ts';

const targetFields = (t: InputFields) => ({
  id: t.id({ required: true, description: "The schedule's id." }),
  expectedVersion: t.int({ description: 'Do it only if the schedule is still at this version.' }),
});

const UpdateScheduleInput = builder.inputType('UpdateScheduleInput', {
  description:
    'An edit of a schedule: at least one of `scheduledAt`, `updates`, `maxRetries`. A field that is absent stays as it is. The admin is taken from the token.',
  fields: (t) => ({
    ...targetFields(t),
    scheduledAt: t.field({
      type: 'DateTime',
      description:
        "The new instant: in the future by the database's clock, at most five years ahead. It makes a FAILED schedule PENDING again.",
    }),
    updates: t.field({ type: FlagUpdatesInput, description: 'The new updates. They replace all of the old ones.' }),
    maxRetries: t.int({ description: 'How often it is retried after a failure: 0–10.' }),
  }),
});

const RetryScheduleInput = builder.inputType('RetryScheduleInput', {
  description: 'Which schedule to retry. The admin is taken from the token.',
  fields: targetFields,
});

const ApplyScheduleInput = builder.inputType('ApplyScheduleInput', {
  description: 'Which schedule to apply. The admin is taken from the token.',
  fields: targetFields,
});

mutation('updateSchedule', {
  type: ScheduleRef,
  description:
    'Edits a schedule that is PENDING, or FAILED with a retry to come. A new instant and new updates must meet the rules for a new schedule. If an edit races the worker, exactly one of the two wins.',
  input: { type: UpdateScheduleInput, schema: updateScheduleSchema, description: 'The edit.' },
  errors: [
    ScheduleNotFoundError,
    ScheduleNotEditableError,
    ScheduleVersionConflictError,
    FlagNotFoundError,
    FlagArchivedError,
    EnvironmentNotFoundError,
    EnvironmentDisabledError,
  ],
  run: ({ app, caller }, input) => app.updateSchedule(caller, input),
});

mutation('retrySchedule', {
  type: ScheduleRef,
  description:
    'Retries a FAILED schedule at the next tick of the worker, whether or not it has a retry to come. It then has all of its `maxRetries` again.',
  input: { type: RetryScheduleInput, schema: scheduleTargetSchema, description: 'Which one.' },
  errors: [
    ScheduleNotFoundError,
    ScheduleNotRetryableError,
    ScheduleVersionConflictError,
    FlagNotFoundError,
    EnvironmentNotFoundError,
  ],
  run: ({ app, caller }, input) => app.retrySchedule(caller, input),
});

mutation('applySchedule', {
  type: ScheduleRef,
  description:
    'Applies a schedule now, without waiting for the worker. It must be PENDING, whenever it is due, or FAILED with a retry to come. If something stands in its way, nothing changes and the error says what it is.',
  input: { type: ApplyScheduleInput, schema: scheduleTargetSchema, description: 'Which one.' },
  errors: [
    ScheduleNotFoundError,
    ScheduleNotApplicableError,
    ScheduleVersionConflictError,
    FlagNotFoundError,
    FlagArchivedError,
    EnvironmentDisabledError,
    EmergencyOverrideActiveError,
  ],
  run: ({ app, caller }, input) => app.applySchedule(caller, input),
});
