import { EnvironmentDisabledError } from '../../environments/model/environment-errors.ts';
import { applyUpdates, checkUpdates } from '../../flags/model/apply-updates.ts';
import { parseStoredUpdates, stateFieldsOf } from '../../flags/model/flag-updates.ts';
import { recordSet, recordSets } from '../../flags/model/last-set.ts';
import { refuseInEmergency } from '../../flags/model/refuse-in-emergency.ts';
import type { Held } from './held.ts';
import { orderOf, retryDelayMs, type Schedule } from './schedule.ts';
import { findSupersession } from './supersession.ts';

export type Applied = { outcome: 'applied'; schedule: Schedule; previous: Held; next: Held };
export type Failed = { outcome: 'failed'; before: Schedule; schedule: Schedule };

/**
 * Applies one schedule to its flag, or fails it. It fails for good if the flag is gone, or if the schedule is superseded: an
 * old change must never undo a newer one. `random` is in [0, 1).
 */
export const applySchedule = (
  schedule: Schedule,
  held: Held | null,
  { now, random }: { now: Date; random: number },
): Applied | Failed => {
  if (!held) return failForGood(schedule, `flag '${schedule.flagKey}' no longer exists`);
  const superseded = findSupersession(schedule, held, now);
  if (superseded) return failForGood(schedule, superseded);
  try {
    return applyDue(schedule, held, now);
  } catch (error) {
    return failSchedule(schedule, held, error instanceof Error ? error.message : String(error), { now, random });
  }
};

/**
 * Applies an open schedule, due or not. An admin decides this now, so earlier changes do not supersede it. Throws
 * EnvironmentDisabledError, EmergencyOverrideActiveError, FlagArchivedError, ValidationError.
 */
export const applyAtOnce = (schedule: Schedule, held: Held, now: Date): Applied =>
  applyDue({ ...schedule, decidedAt: now }, held, now);

const applyDue = (schedule: Schedule, held: Held, now: Date): Applied => {
  const next = change(schedule, held, now);
  const applied: Schedule = {
    ...countAttempt(schedule),
    status: 'APPLIED',
    appliedAt: now,
    errorMessage: null,
    nextRetryAt: null,
  };
  return { outcome: 'applied', schedule: applied, previous: held, next };
};

/** The flag and state after the change. Throws if the flag cannot take the change now; a later retry can succeed. */
const change = (schedule: Schedule, held: Held, now: Date): Held => {
  const { flag, state } = held;
  if (!state.environmentEnabled) throw new EnvironmentDisabledError(state.environment);
  const elsewhere = flag.emergency ? [{ environment: flag.emergency.environment, emergency: flag.emergency }] : [];
  refuseInEmergency(flag, [state, ...elsewhere]);
  const updates = parseStoredUpdates(schedule.updates);
  checkUpdates(flag, updates);
  const { id, scheduledAt } = orderOf(schedule, now);
  const by = { schedule: { id, scheduledAt: scheduledAt.toISOString() } };
  const { status, ...next } = applyUpdates({ ...state, status: flag.status }, updates, now);
  const version = flag.version + (status === flag.status ? 0 : 1);
  const statusSet = { by, at: now, from: flag.status, to: status, version };
  return {
    flag: {
      ...flag,
      status,
      version,
      ...(updates.status !== undefined && { statusLastSet: recordSet(flag.statusLastSet, statusSet) }),
    },
    state: { ...next, lastSet: recordSets(state, next, { by, at: now, fields: stateFieldsOf(updates) }) },
  };
};

/** An attempt at a FAILED schedule counts as a retry. */
const countAttempt = (schedule: Schedule): Schedule => ({
  ...schedule,
  retryCount: schedule.retryCount + (schedule.status === 'FAILED' ? 1 : 0),
  version: schedule.version + 1,
});

const failForGood = (schedule: Schedule, errorMessage: string): Failed => ({
  outcome: 'failed',
  before: schedule,
  schedule: { ...countAttempt(schedule), status: 'FAILED', errorMessage, nextRetryAt: null },
});

/**
 * Fails a schedule after an attempt. If retries are left, plans the next one after the backoff. The first failure also records
 * the versions of the state and the flag. `held` is null if the flag is gone.
 */
export const failSchedule = (
  schedule: Schedule,
  held: Held | null,
  errorMessage: string,
  { now, random }: { now: Date; random: number },
): Failed => {
  const attempt = countAttempt(schedule);
  const retries = attempt.retryCount;
  const nextRetryAt = retries < attempt.maxRetries ? new Date(now.getTime() + retryDelayMs(retries, random)) : null;
  return {
    outcome: 'failed',
    before: schedule,
    schedule: {
      ...attempt,
      status: 'FAILED',
      errorMessage,
      nextRetryAt,
      triedStateVersion: schedule.triedStateVersion ?? held?.state.version ?? null,
      triedFlagVersion: schedule.triedFlagVersion ?? held?.flag.version ?? null,
    },
  };
};
