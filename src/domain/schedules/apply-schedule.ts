import { EmergencyOverrideActiveError, EnvironmentDisabledError } from '../errors.ts';
import type { Flag } from '../flags/flag.ts';
import {
  applyUpdates,
  checkUpdates,
  type EffectiveState,
  type EmergencyOverride,
  type FlagState,
  parseStoredUpdates,
} from '../flags/flag-state.ts';
import { isBefore, retryDelayMs, type Schedule } from './schedule.ts';

/** The schedule that was applied last; null: none was. */
export type LastApplied = { scheduledAt: Date; id: string } | null;

/**
 * A flag as the worker holds it, with the schedule that set its status last. Its variants, and the emergency override that
 * holds it in some environment, are there where a schedule has to do with them.
 */
export type LockedFlag = Pick<Flag, 'id' | 'key' | 'type' | 'variants' | 'status' | 'version'> & {
  lastStatusApplied: LastApplied;
  emergency: (EmergencyOverride & { environment: string }) | null;
};

/** A flag's state as the worker holds it, with the schedule that was applied to it last. */
export type LockedState = FlagState & { environmentEnabled: boolean; lastApplied: LastApplied };

/** What a schedule can change, held against everybody else. */
export type Held = { flag: LockedFlag; state: LockedState };

export type Applied = { outcome: 'applied'; schedule: Schedule; previous: Held; next: Held };
export type Failed = { outcome: 'failed'; before: Schedule; schedule: Schedule };

/** What an event says of a held flag and state. */
export const effectiveStateOf = ({ flag: { status }, state }: Held): EffectiveState => ({ ...state, status });

/**
 * Applies one due schedule to its flag, or fails it. Fails for good where the flag is gone, or where a later schedule was
 * applied meanwhile: an old change must never undo a newer one. `random` is in [0, 1).
 */
export const applySchedule = (
  schedule: Schedule,
  held: Held | null,
  { now, random }: { now: Date; random: number },
): Applied | Failed => {
  if (!held) return failForGood(schedule, `flag '${schedule.flagKey}' no longer exists`);
  const later = findLater(schedule, held);
  if (later) {
    const { id, scheduledAt } = later;
    return failForGood(schedule, `superseded by schedule '${id}' of ${scheduledAt.toISOString()}, which was applied meanwhile`);
  }
  try {
    const next = change(schedule, held, now);
    const applied: Schedule = {
      ...countAttempt(schedule),
      status: 'APPLIED',
      appliedAt: now,
      errorMessage: null,
      nextRetryAt: null,
    };
    return { outcome: 'applied', schedule: applied, previous: held, next };
  } catch (error) {
    return failSchedule(schedule, error instanceof Error ? error.message : String(error), { now, random });
  }
};

/** The later schedule that was applied to the same state or, where this one sets the flag's status, has set that in any environment. */
const findLater = (schedule: Schedule, { flag, state }: Held): LastApplied => {
  const setsStatus = schedule.updates?.status !== undefined;
  const applied = [state.lastApplied, setsStatus ? flag.lastStatusApplied : null];
  return applied.find((last) => last && isBefore(schedule, last)) ?? null;
};

/** Throws where the flag cannot take the change as it is now; what is in the way may pass. */
const change = (schedule: Schedule, held: Held, now: Date): Held => {
  const { flag, state } = held;
  if (!state.environmentEnabled) throw new EnvironmentDisabledError(state.environment);
  const emergency = state.emergency ? { ...state.emergency, environment: state.environment } : flag.emergency;
  if (emergency) throw new EmergencyOverrideActiveError(flag.key, emergency.environment, emergency);
  const updates = parseStoredUpdates(schedule.updates);
  checkUpdates(flag, updates);
  const by = { scheduledAt: schedule.scheduledAt, id: schedule.id };
  const { status, ...next } = applyUpdates({ ...state, status: flag.status }, updates, now);
  return {
    flag: {
      ...flag,
      status,
      version: flag.version + (status === flag.status ? 0 : 1),
      ...(updates.status !== undefined && { lastStatusApplied: by }),
    },
    state: { ...next, lastApplied: by },
  };
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
