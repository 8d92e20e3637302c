import { z } from 'zod';
import type { Flag } from '../../flags/model/flag.ts';
import { type FlagUpdates, flagUpdatesSchema, normalizeUpdates } from '../../flags/model/flag-updates.ts';
import { ValidationError } from '../../kernel/errors.ts';
import { instant } from '../../kernel/instant.ts';
import { isSameJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';

export const scheduleStatuses = ['PENDING', 'APPLIED', 'FAILED', 'CANCELLED'] as const;
export type ScheduleStatus = (typeof scheduleStatuses)[number];

const maxRetriesRange = { min: 0, max: 10, default: 3 } as const;
const maxRetriesMessage = `must be from ${maxRetriesRange.min} to ${maxRetriesRange.max}`;
export const maxRetriesSchema = z
  .int()
  .min(maxRetriesRange.min, maxRetriesMessage)
  .max(maxRetriesRange.max, maxRetriesMessage)
  .nullish();

export const createScheduleSchema = z.object({
  flagKey: text(1, 128),
  environment: text(1, 64).default('production'),
  scheduledAt: instant,
  updates: flagUpdatesSchema,
  maxRetries: maxRetriesSchema,
  idempotencyKey: text(1, 255).nullish(),
});
export type CreateSchedule = z.infer<typeof createScheduleSchema>;

export const scheduleIdSchema = z.uuid('must be a UUID');
export const cancelReasonSchema = text(1, 1000).nullish();
/** The reason of a cancellation whose admin gave none. */
export const manualCancellation = 'manual_cancellation';

export const cancelScheduleSchema = z.object({ id: scheduleIdSchema, reason: cancelReasonSchema });
export type CancelSchedule = z.infer<typeof cancelScheduleSchema>;

export type Schedule = {
  id: string;
  /** Null once the flag is deleted. */
  flagId: string | null;
  flagKey: string;
  environment: string;
  scheduledAt: Date;
  status: ScheduleStatus;
  updates: FlagUpdates;
  createdBy: string | null;
  cancelledBy: string | null;
  cancelledAt: Date | null;
  cancelReason: string | null;
  appliedAt: Date | null;
  errorMessage: string | null;
  /** The latest failure: it stays when a retry succeeds, or the schedule is cancelled. */
  lastError: string | null;
  /** When that was; null: never, or before this was noted. */
  lastErrorAt: Date | null;
  /** Retries already made. */
  retryCount: number;
  maxRetries: number;
  /** When a FAILED schedule is tried again; null: never. */
  nextRetryAt: Date | null;
  /** The version of its flag's state when it failed first: what people did after that, a retry does not undo. Null: not failed yet. */
  triedStateVersion: number | null;
  /** The same of the flag itself, whose status it may set. */
  triedFlagVersion: number | null;
  idempotencyKey: string | null;
  /** What it was created with, where an edit changed that; null: it is as it was created. */
  requested: Plan | null;
  /** When an admin decided anew that it is to be applied, by an edit or a retry; null: never. What was done before does not supersede it. */
  decidedAt: Date | null;
  /** Counts the changes from 1. */
  version: number;
  createdAt: Date;
};

/** What of a schedule an admin decides, and can edit. */
export type Plan = Pick<Schedule, 'scheduledAt' | 'updates' | 'maxRetries'>;

/** Whether it can still become due. */
export const isOpen = ({ status, nextRetryAt }: Pick<Schedule, 'status' | 'nextRetryAt'>): boolean =>
  status === 'PENDING' || nextRetryAt !== null;

/** When an open schedule is tried next. */
export const dueAtOf = ({ scheduledAt, nextRetryAt }: Pick<Schedule, 'scheduledAt' | 'nextRetryAt'>): Date =>
  nextRetryAt ?? scheduledAt;

const yearsAhead = 5;

/** Throws a ValidationError where an instant is not within the next five years. */
export const checkInstantAhead = (scheduledAt: Date, now: Date): void => {
  const latest = new Date(now);
  latest.setUTCFullYear(latest.getUTCFullYear() + yearsAhead);
  if (scheduledAt > now && scheduledAt <= latest) return;
  const range = `must be after now, ${now.toISOString()}, and not after ${latest.toISOString()}`;
  throw new ValidationError([{ path: ['scheduledAt'], message: `is ${scheduledAt.toISOString()}, ${range}` }]);
};

/** The schedule that an input asks for. Throws a ValidationError where its instant is not within the next five years. */
export const planSchedule = (
  { id, createdBy, now }: { id: string; createdBy: string | null; now: Date },
  flag: Pick<Flag, 'id' | 'key'>,
  input: CreateSchedule,
): Schedule => {
  checkInstantAhead(input.scheduledAt, now);
  return {
    id,
    flagId: flag.id,
    flagKey: flag.key,
    environment: input.environment,
    scheduledAt: input.scheduledAt,
    status: 'PENDING',
    updates: normalizeUpdates(input.updates),
    createdBy,
    cancelledBy: null,
    cancelledAt: null,
    cancelReason: null,
    appliedAt: null,
    errorMessage: null,
    lastError: null,
    lastErrorAt: null,
    retryCount: 0,
    maxRetries: input.maxRetries ?? maxRetriesRange.default,
    nextRetryAt: null,
    triedStateVersion: null,
    triedFlagVersion: null,
    idempotencyKey: input.idempotencyKey ?? null,
    requested: null,
    decidedAt: null,
    version: 1,
    createdAt: now,
  };
};

/** Whether a repeated idempotency key comes with the input that made this schedule, whatever became of it since. */
export const isSameRequest = (schedule: Schedule, input: CreateSchedule): boolean => {
  const { scheduledAt, updates, maxRetries } = schedule.requested ?? schedule;
  return (
    schedule.flagKey === input.flagKey &&
    schedule.environment === input.environment &&
    scheduledAt.getTime() === input.scheduledAt.getTime() &&
    maxRetries === (input.maxRetries ?? maxRetriesRange.default) &&
    isSameJson(updates, normalizeUpdates(input.updates))
  );
};

/** Pending schedules that change one state, this close to each other, are shown as each other's conflicts. */
export const conflictWindowMs = 60 * 60 * 1000;

/** The order in which the schedules of one flag and environment apply: by instant, then id. */
export const isBefore = (a: { scheduledAt: Date; id: string }, b: { scheduledAt: Date; id: string }): boolean =>
  a.scheduledAt.getTime() === b.scheduledAt.getTime() ? a.id < b.id : a.scheduledAt < b.scheduledAt;

/**
 * Its place in that order. One that is applied ahead of its instant counts as of now: what is due before that instant comes after
 * it. One that an admin decided anew counts as of then: what was applied before comes before it.
 */
export const orderOf = (
  { id, scheduledAt, decidedAt }: Pick<Schedule, 'id' | 'scheduledAt' | 'decidedAt'>,
  now: Date,
): { scheduledAt: Date; id: string } => {
  const due = scheduledAt < now ? scheduledAt : now;
  return { id, scheduledAt: decidedAt && decidedAt > due ? decidedAt : due };
};

const minuteMs = 60_000;
const longestBackoffMs = 60 * minuteMs;
const longestJitterMs = 30_000;

/** How long a schedule waits for its next try: 2^(n+1) minutes after n retries, at most an hour, plus 0–30 s. `random` is in [0, 1). */
export const retryDelayMs = (retriesMade: number, random: number): number =>
  Math.min(2 ** (retriesMade + 1) * minuteMs, longestBackoffMs) + Math.floor(random * longestJitterMs);
