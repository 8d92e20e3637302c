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
/** The reason of a cancellation if the admin gives none. */
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
  /** The latest failure. It stays if a retry succeeds or the schedule is cancelled. */
  lastError: string | null;
  /** When the latest failure happened; null if there was none, or in old data. */
  lastErrorAt: Date | null;
  /** Retries already made. */
  retryCount: number;
  maxRetries: number;
  /** The next retry of a FAILED schedule; null if there is none. */
  nextRetryAt: Date | null;
  /** The version of the state at the first failure; null before that. A retry does not undo what people did after it. */
  triedStateVersion: number | null;
  /** The version of the flag at the first failure, because the schedule can set the flag's status. */
  triedFlagVersion: number | null;
  idempotencyKey: string | null;
  /** The original plan; null if no edit changed it. */
  requested: Plan | null;
  /** When an admin last edited or retried the schedule; null if never. Changes before that do not supersede it. */
  decidedAt: Date | null;
  /** Counts the schedule's changes, from 1. */
  version: number;
  createdAt: Date;
};

/** The fields of a schedule that an admin can edit. */
export type Plan = Pick<Schedule, 'scheduledAt' | 'updates' | 'maxRetries'>;

/** Whether a schedule can still become due. */
export const isOpen = ({ status, nextRetryAt }: Pick<Schedule, 'status' | 'nextRetryAt'>): boolean =>
  status === 'PENDING' || nextRetryAt !== null;

/** The next instant at which an open schedule is due. */
export const dueAtOf = ({ scheduledAt, nextRetryAt }: Pick<Schedule, 'scheduledAt' | 'nextRetryAt'>): Date =>
  nextRetryAt ?? scheduledAt;

const yearsAhead = 5;

/** Throws a ValidationError if an instant is not within the next five years. */
export const checkInstantAhead = (scheduledAt: Date, now: Date): void => {
  const latest = new Date(now);
  latest.setUTCFullYear(latest.getUTCFullYear() + yearsAhead);
  if (scheduledAt > now && scheduledAt <= latest) return;
  const range = `must be after now, ${now.toISOString()}, and not after ${latest.toISOString()}`;
  throw new ValidationError([{ path: ['scheduledAt'], message: `is ${scheduledAt.toISOString()}: it ${range}` }]);
};

/** A new schedule. Throws a ValidationError if its instant is not within the next five years. */
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

/** Whether a request with a used idempotency key has the input that created this schedule. Later edits do not matter. */
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

/** Pending schedules of one state that are this close together are shown as conflicts. */
export const conflictWindowMs = 60 * 60 * 1000;

/** The order in which the schedules of one flag and environment apply: by instant, then id. */
export const isBefore = (a: { scheduledAt: Date; id: string }, b: { scheduledAt: Date; id: string }): boolean =>
  a.scheduledAt.getTime() === b.scheduledAt.getTime() ? a.id < b.id : a.scheduledAt < b.scheduledAt;

/**
 * A schedule's place in that order. If it is applied before its instant, its place is now: a schedule that is due between now
 * and its instant comes after it. If an admin edited or retried it, its place is not before that decision.
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

/** The wait before the next retry: 2^(n+1) minutes after n retries, at most an hour, plus 0–30 s. `random` is in [0, 1). */
export const retryDelayMs = (retriesMade: number, random: number): number =>
  Math.min(2 ** (retriesMade + 1) * minuteMs, longestBackoffMs) + Math.floor(random * longestJitterMs);
