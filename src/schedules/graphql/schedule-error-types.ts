import { errorType } from '../../graphql/types/error-types.ts';
import {
  IdempotencyConflictError,
  ScheduleNotApplicableError,
  ScheduleNotCancellableError,
  ScheduleNotEditableError,
  ScheduleNotFoundError,
  ScheduleNotRetryableError,
  type ScheduleStatusError,
  ScheduleVersionConflictError,
  TooManySchedulesError,
} from '../model/schedule-errors.ts';
import { ScheduleRef } from './schedule.ts';
import { ScheduleStatus } from './schedule-enums.ts';

errorType(ScheduleNotFoundError, 'No schedule has that id.', (t) => ({
  id: t.exposeID('id', { description: 'The id that was asked for.' }),
}));

const openOnly = (done: string) =>
  `The schedule is no longer open: only a PENDING one, or a FAILED one with a retry to come, can be ${done}.`;
const statusErrors = [
  [ScheduleNotCancellableError, openOnly('cancelled')],
  [ScheduleNotEditableError, openOnly('edited')],
  [ScheduleNotApplicableError, openOnly('applied')],
  [ScheduleNotRetryableError, 'The schedule did not fail: only a FAILED one can be retried.'],
] as const;

for (const [statusError, description] of statusErrors) {
  errorType<ScheduleStatusError>(statusError, description, (t) => ({
    id: t.exposeID('id', { description: "The schedule's id." }),
    status: t.field({ type: ScheduleStatus, description: 'Its status.', resolve: ({ status }) => status }),
  }));
}

errorType(
  ScheduleVersionConflictError,
  'An admin or the worker has changed the schedule since the version that the caller expected.',
  (t) => ({
    expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that the caller expected.' }),
    current: t.field({ type: ScheduleRef, description: 'The schedule as it is now.', resolve: ({ current }) => current }),
  }),
);

errorType(
  TooManySchedulesError,
  'The filter matches more open schedules than one mutation can cancel. None was cancelled.',
  (t) => ({
    count: t.exposeInt('count', { description: 'How many open schedules it matches.' }),
    max: t.exposeInt('max', { description: 'How many schedules one mutation can cancel.' }),
  }),
);

errorType(IdempotencyConflictError, 'The idempotency key was already used with a different input.', (t) => ({
  idempotencyKey: t.exposeString('idempotencyKey', { description: 'The key.' }),
  scheduleId: t.exposeID('scheduleId', { description: 'The id of the schedule that was created with it.' }),
}));
