import { z } from 'zod';
import { filterList } from '../../kernel/filter-list.ts';
import { instant } from '../../kernel/instant.ts';
import { isStorableText } from '../../kernel/text.ts';
import { cancelReasonSchema, scheduleStatuses } from './schedule.ts';

const text = z.string().refine(isStorableText, 'must not contain NUL or a lone surrogate');

/** Shorter texts are in nearly everything. */
const searchLength = { min: 2, max: 100 } as const;
const searchMessage = `must have from ${searchLength.min} to ${searchLength.max} characters`;
const maxFlagKeys = 100;

/** Which schedules. An absent field, or null, does not restrict. */
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
  /** Any of these flags. */
  flagKeys?: readonly string[] | null;
  environment?: string | null;
  statuses?: readonly (typeof scheduleStatuses)[number][] | null;
  /** Whether it can still become due. */
  open?: boolean | null;
  /** FAILED ones: whether they are tried again. */
  willRetry?: boolean | null;
  createdBy?: string | null;
  cancelledBy?: string | null;
  /** Due at or after. */
  from?: Date | null;
  /** Due before. */
  to?: Date | null;
  createdFrom?: Date | null;
  createdTo?: Date | null;
  appliedFrom?: Date | null;
  appliedTo?: Date | null;
  /** Part of the flag's key, of the cancellation's reason, or of the error message, in any case. */
  search?: string | null;
};

/** `open` and `statuses` are no criteria here: only open schedules are cancelled, and PENDING would be nearly all of them. */
const hasCriterion = ({ open: _open, statuses: _statuses, ...criteria }: ScheduleFilter) =>
  Object.values(criteria).some((value) => value != null);

export const cancelSchedulesSchema = z.object({
  filter: scheduleFilterSchema
    .refine(hasCriterion, 'must have at least one criterion beside `open` and `statuses`')
    .refine(({ open }) => open !== false, { path: ['open'], message: 'must not be false: only open schedules can be cancelled' }),
  reason: cancelReasonSchema,
});
export type CancelSchedules = z.infer<typeof cancelSchedulesSchema>;

/** How many schedules are cancelled at once. */
export const maxCancelled = 500;

/** The instants that schedules are ordered by; only applied ones have the last. */
export type ScheduleTime = 'scheduledAt' | 'createdAt' | 'appliedAt';

const timesOfOrders = { DUE: 'scheduledAt', CREATED: 'createdAt', APPLIED: 'appliedAt' } as const;
export type ScheduleOrder = `${keyof typeof timesOfOrders}_${'OLDEST' | 'NEWEST'}_FIRST`;

/** What an order is by, and from which end. */
export const readScheduleOrder = (order: ScheduleOrder): { by: ScheduleTime; newestFirst: boolean } => {
  const [what, end] = order.split('_') as [keyof typeof timesOfOrders, string];
  return { by: timesOfOrders[what], newestFirst: end === 'NEWEST' };
};
