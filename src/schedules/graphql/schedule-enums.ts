import { builder } from '../../graphql/builder.ts';
import type { ScheduleStatus as Status } from '../model/schedule.ts';
import type { ScheduleOrder as Order } from '../model/schedule-filter.ts';
import type { ScheduleWarning } from '../model/schedule-warnings.ts';

export const ScheduleStatus = builder.enumType('ScheduleStatus', {
  description: 'Where a scheduled change is in its life.',
  values: {
    PENDING: { description: 'Not due yet, or about to be applied.' },
    APPLIED: { description: 'The change was made.' },
    FAILED: { description: 'The change could not be made. With `nextRetryAt` it is tried again, without it is not.' },
    CANCELLED: { description: 'Somebody called it off before it was applied.' },
  } as const satisfies Record<Status, { description: string }>,
});

export const ScheduleOrder = builder.enumType('ScheduleOrder', {
  description: 'The order of schedules. Those of one instant are ordered by id.',
  values: {
    DUE_OLDEST_FIRST: { description: 'By when they are due, the earliest first: what comes next, or is most overdue.' },
    DUE_NEWEST_FIRST: { description: 'By when they are due, the latest first.' },
    CREATED_OLDEST_FIRST: { description: 'By when they were created, the first one first.' },
    CREATED_NEWEST_FIRST: { description: 'By when they were created, the latest one first.' },
    APPLIED_OLDEST_FIRST: { description: 'By when they were applied, the first one first. Lists only those that were applied.' },
    APPLIED_NEWEST_FIRST: { description: 'By when they were applied, the latest one first. Lists only those that were applied.' },
  } as const satisfies Record<Order, { description: string }>,
});

export const ScheduleWarningCode = builder.enumType('ScheduleWarningCode', {
  description: 'What a warning of a schedule is about.',
  values: {
    EMERGENCY_OVERRIDE_ACTIVE: {
      description: 'An emergency override holds a state that it would change: it fails until that is lifted.',
    },
    ENVIRONMENT_DISABLED: { description: 'Its environment is disabled: it fails until somebody enables that.' },
    FLAG_ARCHIVED: { description: 'Its flag is archived, and it does not make it ACTIVE again: it fails.' },
    FLAG_DEPRECATED: { description: 'Its flag is on its way out.' },
    EXPERIMENT_RUNNING: { description: 'It changes the flag in the midst of an experiment.' },
  } as const satisfies Record<ScheduleWarning['code'], { description: string }>,
});
