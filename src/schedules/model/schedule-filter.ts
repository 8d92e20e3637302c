import { z } from 'zod';
import { filterList } from '../../kernel/filter-list.ts';
import { instant } from '../../kernel/instant.ts';
import { isStorableText } from '../../kernel/text.ts';
import { cancelReasonSchema, scheduleStatuses } from './schedule.ts';

const text = z.string().refine(isStorableText, 'must not contain NUL or a lone surrogate');

/** A shorter text would match nearly every schedule. */
const searchLength = { min: 2, max: 100 } as const;
const searchMessage = `must have from ${searchLength.min} to ${searchLength.max} characters`;
const maxFlagKeys = 100;

/** A filter of schedules. A field that is absent or null does not restrict. */
export const scheduleFilterSchema = z.object({
  flagKey: text.nullish(),
  flagKeys: z.array(text).max(maxFlagKeys, `must hold at most ${maxFlagKeys} keys`).nullish(),
  environment: text.nullish(),
  statuses: filterList(z.enum(scheduleStatuses), 'statuses').nullish(),
  open: z.boolean().nullish(),
  willRetry: z.boolean().nullish(),
  createdBy: text.nullish(),
  cancelledBy: text.nullish(),
  from: instant.nullish(),
  to: instant.nullish(),
  createdFrom: instant.nullish(),
  createdTo: instant.nullish(),
  appliedFrom: instant.nullish(),
  appliedTo: instant.nullish(),
  search: text.min(searchLength.min, searchMessage).max(searchLength.max, searchMessage).nullish(),
});
export type ScheduleFilter = {
  flagKey?: string | null;
  /** Matches schedules of any of these flags. */
  flagKeys?: readonly string[] | null;
  environment?: string | null;
  statuses?: readonly (typeof scheduleStatuses)[number][] | null;
  /** Whether the schedule can still become due. */
  open?: boolean | null;
  /** Matches FAILED schedules with (true) or without (false) a retry to come. */
  willRetry?: boolean | null;
  createdBy?: string | null;
  cancelledBy?: string | null;
  /** Scheduled at or after this instant. */
  from?: Date | null;
  /** Scheduled before this instant. */
  to?: Date | null;
  createdFrom?: Date | null;
  createdTo?: Date | null;
  appliedFrom?: Date | null;
  appliedTo?: Date | null;
  /** Matches part of the flag's key, the cancellation's reason or the error message, ignoring case. */
  search?: string | null;
};

/** `open` and `statuses` do not count: cancelling takes only open schedules anyway, and PENDING is nearly all of them. */
const hasCriterion = ({ open: _open, statuses: _statuses, ...criteria }: ScheduleFilter) =>
  Object.values(criteria).some((value) => value != null);

export const cancelSchedulesSchema = z.object({
  filter: scheduleFilterSchema
    .refine(hasCriterion, 'must have at least one condition besides `open` and `statuses`')
    .refine(({ open }) => open !== false, { path: ['open'], message: 'must not be false: only open schedules can be cancelled' }),
  reason: cancelReasonSchema,
});
export type CancelSchedules = z.infer<typeof cancelSchedulesSchema>;

/** The most schedules that one operation cancels. */
export const maxCancelled = 500;

/** The instants that can order schedules. Only applied schedules have `appliedAt`. */
export type ScheduleTime = 'scheduledAt' | 'createdAt' | 'appliedAt';

const timesOfOrders = { DUE: 'scheduledAt', CREATED: 'createdAt', APPLIED: 'appliedAt' } as const;
export type ScheduleOrder = `${keyof typeof timesOfOrders}_${'OLDEST' | 'NEWEST'}_FIRST`;

/** The instant that an order uses, and its direction. */
export const readScheduleOrder = (order: ScheduleOrder): { by: ScheduleTime; newestFirst: boolean } => {
  const [what, end] = order.split('_') as [keyof typeof timesOfOrders, string];
  return { by: timesOfOrders[what], newestFirst: end === 'NEWEST' };
};
