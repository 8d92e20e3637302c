import { EnvironmentDisabledError, EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { FlagUpdatesInput, type InputFields } from '../../flags/graphql/flag-inputs.ts';
import { EmergencyOverrideActiveError, FlagArchivedError, FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import { builder, requires } from '../../graphql/builder.ts';
import { ValidationError } from '../../kernel/errors.ts';
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
    'An edit of a schedule: at least one of `scheduledAt`, `updates`, `maxRetries`. What is absent stays as it is. The admin is taken from the token.',
  fields: (t) => ({
    ...targetFields(t),
    scheduledAt: t.field({
      type: 'DateTime',
      description:
        "The new instant: in the future by the database's clock, at most five years ahead. It makes a FAILED schedule PENDING again.",
    }),
    updates: t.field({ type: FlagUpdatesInput, description: 'The new updates: they replace the old ones whole.' }),
    maxRetries: t.int({ description: 'How often it is tried again after a failure: 0–10.' }),
  }),
});

const RetryScheduleInput = builder.inputType('RetryScheduleInput', {
  description: 'Which schedule to try again. The admin is taken from the token.',
  fields: targetFields,
});

const ApplyScheduleInput = builder.inputType('ApplyScheduleInput', {
  description: 'Which schedule to apply. The admin is taken from the token.',
  fields: targetFields,
});

builder.mutationFields((t) => ({
  updateSchedule: t.field({
    type: ScheduleRef,
    description:
      'Edits a schedule that is PENDING, or FAILED with a retry due. A new instant and new updates must meet the rules for a new schedule. Racing the worker, exactly one of the two wins.',
    args: {
      input: t.arg({
        type: UpdateScheduleInput,
        required: true,
        validate: { schema: updateScheduleSchema },
        description: 'The edit.',
      }),
    },
    errors: {
      types: [
        ScheduleNotFoundError,
        ScheduleNotEditableError,
        ScheduleVersionConflictError,
        FlagNotFoundError,
        FlagArchivedError,
        EnvironmentNotFoundError,
        EnvironmentDisabledError,
        ValidationError,
      ],
    },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.updateSchedule(caller, input),
  }),
  retrySchedule: t.field({
    type: ScheduleRef,
    description:
      'Has a FAILED schedule tried again at the next tick of the worker, whether it gave up or waits for a retry, with as many retries as at first.',
    args: {
      input: t.arg({
        type: RetryScheduleInput,
        required: true,
        validate: { schema: scheduleTargetSchema },
        description: 'Which one.',
      }),
    },
    errors: {
      types: [
        ScheduleNotFoundError,
        ScheduleNotRetryableError,
        ScheduleVersionConflictError,
        FlagNotFoundError,
        EnvironmentNotFoundError,
        ValidationError,
      ],
    },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.retrySchedule(caller, input),
  }),
  applySchedule: t.field({
    type: ScheduleRef,
    description:
      'Applies a schedule now, without the worker: one that is PENDING, whenever it is due, or FAILED with a retry due. What is in its way comes back as an error, and nothing changes.',
    args: {
      input: t.arg({
        type: ApplyScheduleInput,
        required: true,
        validate: { schema: scheduleTargetSchema },
        description: 'Which one.',
      }),
    },
    errors: {
      types: [
        ScheduleNotFoundError,
        ScheduleNotApplicableError,
        ScheduleVersionConflictError,
        FlagNotFoundError,
        FlagArchivedError,
        EnvironmentDisabledError,
        EmergencyOverrideActiveError,
        ValidationError,
      ],
    },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.applySchedule(caller, input),
  }),
}));
