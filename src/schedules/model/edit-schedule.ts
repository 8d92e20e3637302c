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

/** Which schedule, and the version that the caller has read. */
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

/** Refuses to change a schedule that is not at the version that the caller expects. Throws a ScheduleVersionConflictError. */
export const checkScheduleVersion = (schedule: Schedule, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== schedule.version) {
    throw new ScheduleVersionConflictError(expectedVersion, schedule);
  }
};

/** Where a schedule applies: its flag, and its environment, null for one that is gone. */
type Place = {
  flag: Parameters<typeof checkUpdates>[0];
  environment: { enabled: boolean } | null;
};

/**
 * An open schedule after an edit; the very same object where that changes nothing. Another instant or other updates are judged
 * as those of a new schedule are, and another instant makes it PENDING, with no try made. `place` is null where the flag is
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
    ...((isMoved || isOther) && decidedAnew(now)),
    requested: schedule.requested ?? {
      scheduledAt: schedule.scheduledAt,
      updates: schedule.updates,
      maxRetries: schedule.maxRetries,
    },
    version: schedule.version + 1,
  };
};

/** What was done before does not supersede it any more. */
const decidedAnew = (now: Date) => ({ decidedAt: now, triedStateVersion: null, triedFlagVersion: null });

const checkPlace = (schedule: Schedule, { flag, environment }: Place, updates: Plan['updates']): void => {
  if (!environment) throw new EnvironmentNotFoundError(schedule.environment);
  if (!environment.enabled) throw new EnvironmentDisabledError(schedule.environment);
  checkUpdates(flag, parseStoredUpdates(updates));
};

/** A FAILED schedule whose retry is due now, with as many more as it had at first. Throws a ScheduleNotRetryableError. */
export const retrySchedule = (schedule: Schedule, now: Date): Schedule => {
  if (schedule.status !== 'FAILED') throw new ScheduleNotRetryableError(schedule.id, schedule.status);
  return { ...schedule, ...decidedAnew(now), retryCount: 0, nextRetryAt: now, version: schedule.version + 1 };
};
