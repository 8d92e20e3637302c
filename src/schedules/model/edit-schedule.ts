import { z } from 'zod';
import { EnvironmentDisabledError, EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { checkUpdates } from '../../flags/model/apply-updates.ts';
import { FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import { flagUpdatesSchema, normalizeUpdates, parseStoredUpdates } from '../../flags/model/flag-updates.ts';
import { stateTarget } from '../../flags/model/state-target.ts';
import { instant } from '../../kernel/instant.ts';
import { isSameJson } from '../../kernel/json.ts';
import { checkInstantAhead, isOpen, maxRetriesSchema, type Plan, type Schedule, scheduleIdSchema } from './schedule.ts';
import { ScheduleNotEditableError, ScheduleNotRetryableError, ScheduleVersionConflictError } from './schedule-errors.ts';

/** The schedule to change, and the version that the caller read. */
export const scheduleTargetSchema = z.object({ id: scheduleIdSchema, expectedVersion: stateTarget.expectedVersion });
export type ScheduleTarget = z.infer<typeof scheduleTargetSchema>;

const editable = { scheduledAt: instant.nullish(), updates: flagUpdatesSchema.nullish(), maxRetries: maxRetriesSchema };

export const updateScheduleSchema = z
  .object({ ...scheduleTargetSchema.shape, ...editable })
  .refine(
    ({ scheduledAt, updates, maxRetries }) => scheduledAt != null || updates != null || maxRetries != null,
    `must change at least one of ${Object.keys(editable).join(', ')}`,
  );
export type UpdateSchedule = z.infer<typeof updateScheduleSchema>;

/** Throws a ScheduleVersionConflictError if the schedule is not at the version that the caller expects. */
export const checkScheduleVersion = (schedule: Schedule, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== schedule.version) {
    throw new ScheduleVersionConflictError(expectedVersion, schedule);
  }
};

/** A schedule's flag and environment. The environment is null if it is gone. */
type Place = {
  flag: Parameters<typeof checkUpdates>[0];
  environment: { enabled: boolean } | null;
};

/**
 * Returns an open schedule after an edit, or the same object if nothing changes. A new instant or new updates are checked as
 * for a new schedule. A new instant makes the schedule PENDING again, with no retries made. `place` is null if the flag is
 * gone. Throws ScheduleNotEditableError, FlagNotFoundError, ValidationError, FlagArchivedError, EnvironmentNotFoundError,
 * EnvironmentDisabledError.
 */
export const editSchedule = (schedule: Schedule, input: Partial<UpdateSchedule>, place: Place | null, now: Date): Schedule => {
  if (!isOpen(schedule)) throw new ScheduleNotEditableError(schedule.id, schedule.status);
  if (!place) throw new FlagNotFoundError(schedule.flagKey);
  const { scheduledAt, updates, maxRetries }: Plan = {
    scheduledAt: input.scheduledAt ?? schedule.scheduledAt,
    updates: input.updates ? normalizeUpdates(input.updates) : schedule.updates,
    maxRetries: input.maxRetries ?? schedule.maxRetries,
  };
  const isMoved = scheduledAt.getTime() !== schedule.scheduledAt.getTime();
  const isOther = !isSameJson(updates, schedule.updates);
  if (!isMoved && !isOther && maxRetries === schedule.maxRetries) return schedule;

  if (isMoved) checkInstantAhead(scheduledAt, now);
  if (isMoved || isOther) checkPlace(schedule, place, updates);
  return {
    ...schedule,
    scheduledAt,
    updates,
    maxRetries,
    ...(isMoved && { status: 'PENDING', retryCount: 0, nextRetryAt: null, errorMessage: null }),
    ...((isMoved || isOther) && decideAgain(now)),
    requested: schedule.requested ?? {
      scheduledAt: schedule.scheduledAt,
      updates: schedule.updates,
      maxRetries: schedule.maxRetries,
    },
    version: schedule.version + 1,
  };
};

/** Records that an admin decided now: earlier changes no longer supersede the schedule. */
const decideAgain = (now: Date) => ({ decidedAt: now, triedStateVersion: null, triedFlagVersion: null });

const checkPlace = (schedule: Schedule, { flag, environment }: Place, updates: Plan['updates']): void => {
  if (!environment) throw new EnvironmentNotFoundError(schedule.environment);
  if (!environment.enabled) throw new EnvironmentDisabledError(schedule.environment);
  checkUpdates(flag, parseStoredUpdates(updates));
};

/** Makes a FAILED schedule due now, with its full number of retries. Throws a ScheduleNotRetryableError. */
export const retrySchedule = (schedule: Schedule, now: Date): Schedule => {
  if (schedule.status !== 'FAILED') throw new ScheduleNotRetryableError(schedule.id, schedule.status);
  return { ...schedule, ...decideAgain(now), retryCount: 0, nextRetryAt: now, version: schedule.version + 1 };
};
