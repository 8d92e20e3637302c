import { z } from 'zod';
import { ValidationError } from '../errors.ts';
import type { Flag } from '../flags/flag.ts';
import { type FlagUpdates, flagUpdatesSchema, normalizeUpdates } from '../flags/flag-state.ts';
import { instant } from '../instant.ts';
import { isSameJson } from '../json.ts';
import { text } from '../text.ts';

export const scheduleStatuses = ['PENDING', 'APPLIED', 'FAILED', 'CANCELLED'] as const;
export type ScheduleStatus = (typeof scheduleStatuses)[number];

export const maxRetriesRange = { min: 0, max: 10, default: 3 } as const;
const maxRetriesMessage = `must be from ${maxRetriesRange.min} to ${maxRetriesRange.max}`;

export const createScheduleSchema = z.object({
  flagKey: text(1, 128),
  environment: text(1, 64).default('production'),
  scheduledAt: instant,
  updates: flagUpdatesSchema,
  maxRetries: z.int().min(maxRetriesRange.min, maxRetriesMessage).max(maxRetriesRange.max, maxRetriesMessage).nullish(),
  idempotencyKey: text(1, 255).nullish(),
});
export type CreateSchedule = z.infer<typeof createScheduleSchema>;

export const cancelScheduleSchema = z.object({
  id: z.uuid('must be a UUID'),
  reason: text(1, 1000).nullish(),
});
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
  createdAt: Date;
};

/** Whether it can still become due. */
export const isOpen = ({ status, nextRetryAt }: Pick<Schedule, 'status' | 'nextRetryAt'>): boolean =>
  status === 'PENDING' || nextRetryAt !== null;

/** When an open schedule is tried next. */
export const dueAtOf = ({ scheduledAt, nextRetryAt }: Pick<Schedule, 'scheduledAt' | 'nextRetryAt'>): Date =>
  nextRetryAt ?? scheduledAt;

const yearsAhead = 5;

/** The schedule that an input asks for. Throws a ValidationError where its instant is not within the next five years. */
export const planSchedule = (
  { id, createdBy, now }: { id: string; createdBy: string | null; now: Date },
  flag: Pick<Flag, 'id' | 'key'>,
  input: CreateSchedule,
): Schedule => {
  const latest = new Date(now);
  latest.setUTCFullYear(latest.getUTCFullYear() + yearsAhead);
  if (!(input.scheduledAt > now && input.scheduledAt <= latest)) {
    const range = `must be after now, ${now.toISOString()}, and not after ${latest.toISOString()}`;
    throw new ValidationError([{ path: ['scheduledAt'], message: `is ${input.scheduledAt.toISOString()}, ${range}` }]);
  }
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
    retryCount: 0,
    maxRetries: input.maxRetries ?? maxRetriesRange.default,
    nextRetryAt: null,
    triedStateVersion: null,
    triedFlagVersion: null,
    idempotencyKey: input.idempotencyKey ?? null,
    createdAt: now,
  };
};

/** Whether a repeated idempotency key comes with the input that made this schedule. */
export const isSameRequest = (schedule: Schedule, input: CreateSchedule): boolean =>
  schedule.flagKey === input.flagKey &&
  schedule.environment === input.environment &&
  schedule.scheduledAt.getTime() === input.scheduledAt.getTime() &&
  schedule.maxRetries === (input.maxRetries ?? maxRetriesRange.default) &&
  isSameJson(schedule.updates, normalizeUpdates(input.updates));

/** Pending schedules that change one state, this close to each other, are shown as each other's conflicts. */
export const conflictWindowMs = 60 * 60 * 1000;

/** The order in which the schedules of one flag and environment apply: by instant, then id. */
export const isBefore = (a: { scheduledAt: Date; id: string }, b: { scheduledAt: Date; id: string }): boolean =>
  a.scheduledAt.getTime() === b.scheduledAt.getTime() ? a.id < b.id : a.scheduledAt < b.scheduledAt;

/** Its place in that order. One that is applied ahead of its instant counts as of now: what is due before that instant comes after it. */
export const orderOf = (
  { id, scheduledAt }: Pick<Schedule, 'id' | 'scheduledAt'>,
  now: Date,
): { scheduledAt: Date; id: string } => ({
  id,
  scheduledAt: scheduledAt < now ? scheduledAt : now,
});

const minuteMs = 60_000;
const longestBackoffMs = 60 * minuteMs;
const longestJitterMs = 30_000;

/** How long a schedule waits for its next try: 2^(n+1) minutes after n retries, at most an hour, plus 0–30 s. `random` is in [0, 1). */
export const retryDelayMs = (retriesMade: number, random: number): number =>
  Math.min(2 ** (retriesMade + 1) * minuteMs, longestBackoffMs) + Math.floor(random * longestJitterMs);
