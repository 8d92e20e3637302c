import { EnvironmentDisabledError, EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { FlagUpdatesInput } from '../../flags/graphql/flag-updates.ts';
import { FlagArchivedError, FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { cancelScheduleSchema, createScheduleSchema, type Schedule } from '../model/schedule.ts';
import {
  IdempotencyConflictError,
  ScheduleNotCancellableError,
  ScheduleNotFoundError,
  TooManySchedulesError,
} from '../model/schedule-errors.ts';
import { cancelSchedulesSchema, maxCancelled } from '../model/schedule-filter.ts';
import { ScheduleRef } from './schedule.ts';
import { ScheduleFilterInput } from './schedule-list.ts';

const CreateScheduleInput = builder.inputType('CreateScheduleInput', {
  description:
    'A change of one flag in one environment, and the instant at which it becomes due. The admin is taken from the token.',
  fields: (t) => ({
    flagKey: t.string({ required: true, description: "The flag's key." }),
    environment: t.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
    scheduledAt: t.field({
      type: 'DateTime',
      required: true,
      description: "When it is due: in the future by the database's clock, at most five years ahead.",
    }),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change.' }),
    maxRetries: t.int({ description: 'How often it is retried after a failure: 0–10. Without it, 3.' }),
    idempotencyKey: t.string({
      description:
        'Makes a repeated request safe: the same key with the same input returns the first schedule. 1–255 characters, per admin.',
    }),
  }),
});

const CancelScheduleInput = builder.inputType('CancelScheduleInput', {
  description: 'Which schedule to cancel. The admin is taken from the token.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The schedule's id." }),
    reason: t.string({ description: 'Why: 1–1,000 characters.' }),
  }),
});

const CancelSchedulesInput = builder.inputType('CancelSchedulesInput', {
  description: 'Which schedules to cancel. The admin is taken from the token.',
  fields: (t) => ({
    filter: t.field({
      type: ScheduleFilterInput,
      required: true,
      description:
        'Conditions on schedules, as in `schedules`: at least one besides `open` and `statuses`. Only open schedules are cancelled.',
    }),
    reason: t.string({ description: 'Why: 1–1,000 characters.' }),
  }),
});

const CancelSchedulesPayload = builder.objectRef<readonly Schedule[]>('CancelSchedulesPayload').implement({
  description: 'What was cancelled.',
  fields: (t) => ({
    schedules: t.field({
      type: [ScheduleRef],
      description: 'The schedules, the earliest due first.',
      extensions: { maxItems: maxCancelled },
      resolve: (cancelled) => [...cancelled],
    }),
    count: t.int({
      description: 'How many were cancelled; 0 if the filter matches no open schedule.',
      resolve: ({ length }) => length,
    }),
  }),
});

mutation('createSchedule', {
  type: ScheduleRef,
  description:
    'Schedules a change. Select `conflicts` to see other pending changes of the flag within an hour of it, and `warnings` to see what stands in its way.',
  input: { type: CreateScheduleInput, schema: createScheduleSchema, description: 'The change.' },
  errors: [FlagNotFoundError, FlagArchivedError, EnvironmentNotFoundError, EnvironmentDisabledError, IdempotencyConflictError],
  run: ({ app, caller }, input) => app.createSchedule(caller, input),
});

mutation('cancelSchedule', {
  type: ScheduleRef,
  description: 'Cancels a schedule that is PENDING, or FAILED with a retry to come.',
  input: { type: CancelScheduleInput, schema: cancelScheduleSchema, description: 'Which one.' },
  errors: [ScheduleNotFoundError, ScheduleNotCancellableError],
  run: ({ app, caller }, input) => app.cancelSchedule(caller, input),
});

mutation('cancelSchedules', {
  type: CancelSchedulesPayload,
  description:
    'Cancels all open schedules that a filter matches, up to 500, and records an event for each. If there are more, none is cancelled.',
  input: { type: CancelSchedulesInput, schema: cancelSchedulesSchema, description: 'Which ones.' },
  errors: [TooManySchedulesError],
  run: ({ app, caller }, input) => app.cancelSchedules(caller, input),
});
