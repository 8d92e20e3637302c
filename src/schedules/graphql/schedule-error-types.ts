import { builder } from '../../graphql/builder.ts';
import { ScheduleStatus } from '../../graphql/types/enums.ts';
import { ErrorInterface } from '../../graphql/types/error-types.ts';
import type { Schedule, ScheduleStatus as Status } from '../model/schedule.ts';
import {
  IdempotencyConflictError,
  ScheduleNotApplicableError,
  ScheduleNotCancellableError,
  ScheduleNotEditableError,
  ScheduleNotFoundError,
  ScheduleNotRetryableError,
  ScheduleVersionConflictError,
  TooManySchedulesError,
} from '../model/schedule-errors.ts';
import { ScheduleRef } from './schedule.ts';

builder.objectType(ScheduleNotFoundError, {
  name: 'ScheduleNotFoundError',
  description: 'There is no schedule of that id.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ id: t.exposeID('id', { description: 'The id that was asked for.' }) }),
});

builder.objectType(ScheduleNotCancellableError<Status>, {
  name: 'ScheduleNotCancellableError',
  description: 'The schedule can no longer become due: only a PENDING one, or a FAILED one with a retry due, can be cancelled.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    id: t.exposeID('id', { description: "The schedule's id." }),
    status: t.field({ type: ScheduleStatus, description: 'Its status.', resolve: ({ status }) => status }),
  }),
});

builder.objectType(ScheduleNotEditableError<Status>, {
  name: 'ScheduleNotEditableError',
  description: 'The schedule can no longer become due: only a PENDING one, or a FAILED one with a retry due, can be edited.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    id: t.exposeID('id', { description: "The schedule's id." }),
    status: t.field({ type: ScheduleStatus, description: 'Its status.', resolve: ({ status }) => status }),
  }),
});

builder.objectType(ScheduleNotRetryableError<Status>, {
  name: 'ScheduleNotRetryableError',
  description: 'The schedule did not fail: only a FAILED one can be tried again.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    id: t.exposeID('id', { description: "The schedule's id." }),
    status: t.field({ type: ScheduleStatus, description: 'Its status.', resolve: ({ status }) => status }),
  }),
});

builder.objectType(ScheduleNotApplicableError<Status>, {
  name: 'ScheduleNotApplicableError',
  description: 'The schedule can no longer become due: only a PENDING one, or a FAILED one with a retry due, can be applied.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    id: t.exposeID('id', { description: "The schedule's id." }),
    status: t.field({ type: ScheduleStatus, description: 'Its status.', resolve: ({ status }) => status }),
  }),
});

builder.objectType(ScheduleVersionConflictError<Schedule>, {
  name: 'ScheduleVersionConflictError',
  description: 'Somebody, or the worker, changed the schedule since the version that the caller expected.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that the caller expected.' }),
    current: t.field({ type: ScheduleRef, description: 'The schedule as it is now.', resolve: ({ current }) => current }),
  }),
});

builder.objectType(TooManySchedulesError, {
  name: 'TooManySchedulesError',
  description: 'The filter matches more open schedules than are cancelled at once. None was cancelled.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many it matches.' }),
    max: t.exposeInt('max', { description: 'How many are cancelled at once at most.' }),
  }),
});

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The idempotency key was used before, with another input.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    idempotencyKey: t.exposeString('idempotencyKey', { description: 'The key.' }),
    scheduleId: t.exposeID('scheduleId', { description: 'The schedule that it made.' }),
  }),
});
