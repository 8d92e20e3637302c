import { DomainError, StaleVersionError } from '../../kernel/errors.ts';
import type { Schedule, ScheduleStatus } from './schedule.ts';

export class ScheduleNotFoundError extends DomainError {
  readonly code = 'SCHEDULE_NOT_FOUND';
  readonly id: string;
  constructor(id: string) {
    super(`There is no schedule '${id}'`);
    this.id = id;
  }
}

/** The operation is not possible for a schedule with that status. */
export abstract class ScheduleStatusError extends DomainError {
  readonly id: string;
  readonly status: ScheduleStatus;
  constructor(id: string, status: ScheduleStatus, rule: string) {
    super(`Schedule '${id}' is ${status}: ${rule}`);
    this.id = id;
    this.status = status;
  }
}
const openOnly = 'only a PENDING one, or a FAILED one with a retry to come, can be';

export class ScheduleNotCancellableError extends ScheduleStatusError {
  readonly code = 'SCHEDULE_NOT_CANCELLABLE';
  constructor(id: string, status: ScheduleStatus) {
    super(id, status, `${openOnly} cancelled`);
  }
}

export class ScheduleNotEditableError extends ScheduleStatusError {
  readonly code = 'SCHEDULE_NOT_EDITABLE';
  constructor(id: string, status: ScheduleStatus) {
    super(id, status, `${openOnly} edited`);
  }
}

export class ScheduleNotApplicableError extends ScheduleStatusError {
  readonly code = 'SCHEDULE_NOT_APPLICABLE';
  constructor(id: string, status: ScheduleStatus) {
    super(id, status, `${openOnly} applied`);
  }
}

export class ScheduleNotRetryableError extends ScheduleStatusError {
  readonly code = 'SCHEDULE_NOT_RETRYABLE';
  constructor(id: string, status: ScheduleStatus) {
    super(id, status, 'only a FAILED one can be retried');
  }
}

export class ScheduleVersionConflictError extends StaleVersionError<Schedule> {
  readonly code = 'SCHEDULE_VERSION_CONFLICT';
  constructor(expectedVersion: number, current: Schedule) {
    super('schedule', expectedVersion, current);
  }
}

/** A filter matches more schedules than one operation can change. */
export class TooManySchedulesError extends DomainError {
  readonly code = 'TOO_MANY_SCHEDULES';
  readonly count: number;
  readonly max: number;
  constructor(count: number, max: number) {
    super(
      `The filter matches ${count} open schedules, but at most ${max} can be cancelled at once. None was cancelled: narrow the filter`,
    );
    this.count = count;
    this.max = max;
  }
}

export class IdempotencyConflictError extends DomainError {
  readonly code = 'IDEMPOTENCY_CONFLICT';
  readonly idempotencyKey: string;
  readonly scheduleId: string;
  constructor(idempotencyKey: string, scheduleId: string) {
    super(`idempotencyKey '${idempotencyKey}' was used for schedule '${scheduleId}' with a different input: use a new key`);
    this.idempotencyKey = idempotencyKey;
    this.scheduleId = scheduleId;
  }
}
