import { applyUpdates, type FlagState, parseStoredUpdates } from './flag.ts';
import { isBefore, retryDelayMs, type Schedule } from './schedule.ts';

/** A flag's state as the worker holds it, with the schedule that was applied to it last. */
export type LockedState = FlagState & { lastApplied: { scheduledAt: Date; id: string } | null };

export type Applied = { outcome: 'applied'; schedule: Schedule; previous: LockedState; next: LockedState };
export type Failed = { outcome: 'failed'; before: Schedule; schedule: Schedule };

/**
 * Applies one due schedule to the state of its flag, or fails it. Fails for good where the flag is gone, or where a later
 * schedule was applied meanwhile: an old change must never undo a newer one. `random` is in [0, 1).
 */
export const applySchedule = (
  schedule: Schedule,
  state: LockedState | null,
  { now, random }: { now: Date; random: number },
): Applied | Failed => {
  if (!state) return failForGood(schedule, `flag '${schedule.flagKey}' no longer exists`);
  if (state.lastApplied && isBefore(schedule, state.lastApplied)) {
    const { id, scheduledAt } = state.lastApplied;
    return failForGood(schedule, `superseded by schedule '${id}' of ${scheduledAt.toISOString()}, which was applied meanwhile`);
  }
  try {
    const changed = applyUpdates(state, parseStoredUpdates(schedule.updates), now);
    const next = { ...changed, lastApplied: { scheduledAt: schedule.scheduledAt, id: schedule.id } };
    const applied: Schedule = {
      ...countAttempt(schedule),
      status: 'APPLIED',
      appliedAt: now,
      errorMessage: null,
      nextRetryAt: null,
    };
    return { outcome: 'applied', schedule: applied, previous: state, next };
  } catch (error) {
    return failSchedule(schedule, error instanceof Error ? error.message : String(error), { now, random });
  }
};

/** Trying a FAILED schedule is a retry. */
const countAttempt = (schedule: Schedule): Schedule => ({
  ...schedule,
  retryCount: schedule.retryCount + (schedule.status === 'FAILED' ? 1 : 0),
});

const failForGood = (schedule: Schedule, errorMessage: string): Failed => ({
  outcome: 'failed',
  before: schedule,
  schedule: { ...countAttempt(schedule), status: 'FAILED', errorMessage, nextRetryAt: null },
});

/** Fails a schedule that was tried: with another try after the backoff, as long as it has retries left. */
export const failSchedule = (
  schedule: Schedule,
  errorMessage: string,
  { now, random }: { now: Date; random: number },
): Failed => {
  const attempt = countAttempt(schedule);
  const retries = attempt.retryCount;
  const nextRetryAt = retries < attempt.maxRetries ? new Date(now.getTime() + retryDelayMs(retries, random)) : null;
  return { outcome: 'failed', before: schedule, schedule: { ...attempt, status: 'FAILED', errorMessage, nextRetryAt } };
};
