import { builder } from '../../graphql/builder.ts';
import type { ScheduleStatus as Status } from '../model/schedule.ts';
import type { ScheduleOrder as Order } from '../model/schedule-filter.ts';
import type { ScheduleWarning } from '../model/schedule-warnings.ts';

export const ScheduleStatus = builder.enumType('ScheduleStatus', {
  description: 'The status of a schedule.',
  values: {
    PENDING: { description: 'Not due yet, or about to be applied.' },
    APPLIED: { description: 'The change was applied.' },
    FAILED: { description: 'The change could not be applied. It is retried if it has a `nextRetryAt`.' },
    CANCELLED: { description: 'It was cancelled before it was applied.' },
  } as const satisfies Record<Status, { description: string }>,
});

export const ScheduleOrder = builder.enumType('ScheduleOrder', {
  description: 'The order of schedules. Schedules with the same instant are ordered by id.',
  values: {
    DUE_OLDEST_FIRST: { description: 'By `scheduledAt`, the earliest first.' },
    DUE_NEWEST_FIRST: { description: 'By `scheduledAt`, the latest first.' },
    CREATED_OLDEST_FIRST: { description: 'By `createdAt`, the earliest first.' },
    CREATED_NEWEST_FIRST: { description: 'By `createdAt`, the latest first.' },
    APPLIED_OLDEST_FIRST: { description: 'By `appliedAt`, the earliest first. Lists only applied schedules.' },
    APPLIED_NEWEST_FIRST: { description: 'By `appliedAt`, the latest first. Lists only applied schedules.' },
  } as const satisfies Record<Order, { description: string }>,
});

export const ScheduleWarningCode = builder.enumType('ScheduleWarningCode', {
  description: 'The kinds of warnings about a schedule.',
  values: {
    EMERGENCY_OVERRIDE_ACTIVE: {
      description:
        'An emergency override holds a state that the schedule would change. The schedule fails until the override is lifted.',
    },
    ENVIRONMENT_DISABLED: {
      description: 'Its environment is disabled. The schedule fails until an admin enables the environment.',
    },
    FLAG_ARCHIVED: { description: 'Its flag is archived, and the schedule does not make it ACTIVE again. The schedule fails.' },
    FLAG_DEPRECATED: { description: 'Its flag is deprecated.' },
    EXPERIMENT_RUNNING: { description: 'It changes the flag while an experiment runs.' },
  } as const satisfies Record<ScheduleWarning['code'], { description: string }>,
});
