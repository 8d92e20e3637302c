import type { Caller } from '../../access/model/actor.ts';
import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import {
  checkScheduleVersion,
  editSchedule,
  retrySchedule,
  type ScheduleTarget,
  type UpdateSchedule,
} from '../model/edit-schedule.ts';
import type { Schedule } from '../model/schedule.ts';
import { ScheduleNotFoundError } from '../model/schedule-errors.ts';
import { scheduleRetried, scheduleUpdated } from '../model/schedule-events.ts';
import type { ScheduleTransaction } from './schedule-store.ts';

type Deps = { inTransaction: InTransaction<ScheduleTransaction> };

/**
 * Edits an open schedule. If nothing changes, nothing is saved or recorded. If the worker applies it at the same time, the
 * first to lock its row wins. Throws ScheduleNotFoundError, ScheduleVersionConflictError, ScheduleNotEditableError,
 * FlagNotFoundError, and what `makeCreateSchedule` throws for an instant or updates.
 */
export const makeUpdateSchedule =
  ({ inTransaction }: Deps) =>
  (admin: Caller, input: UpdateSchedule): Promise<Schedule> =>
    inTransaction(async (transaction) => {
      const { before, place, now } = await findForEdit(transaction, input);
      const schedule = editSchedule(before, input, place, now);
      if (schedule === before) return schedule;
      await transaction.schedules.save(schedule);
      transaction.audit.logEvent(scheduleUpdated(admin, { before, schedule, at: now }));
      return schedule;
    });

/**
 * Retries a FAILED schedule at the worker's next tick. Throws ScheduleNotFoundError, ScheduleVersionConflictError,
 * ScheduleNotRetryableError, FlagNotFoundError, EnvironmentNotFoundError.
 */
export const makeRetrySchedule =
  ({ inTransaction }: Deps) =>
  (admin: Caller, input: ScheduleTarget): Promise<Schedule> =>
    inTransaction(async (transaction) => {
      const { before, place, now } = await findForEdit(transaction, input);
      const schedule = retrySchedule(before, now);
      if (!place) throw new FlagNotFoundError(before.flagKey);
      if (!place.environment) throw new EnvironmentNotFoundError(before.environment);
      await transaction.schedules.save(schedule);
      transaction.audit.logEvent(scheduleRetried(admin, { before, schedule, at: now }));
      return schedule;
    });

/** Locks the schedule's flag, then the schedule: the order that every transaction uses. `place` is null if the flag is gone. */
const findForEdit = async ({ flags, schedules }: ScheduleTransaction, { id, expectedVersion }: ScheduleTarget) => {
  const seen = await schedules.find(id);
  const place = seen && (await flags.findShared(seen.flagKey, seen.environment));
  const locked = seen && (await schedules.findLocked(id));
  if (!locked) throw new ScheduleNotFoundError(id);
  const { schedule: before, now } = locked;
  checkScheduleVersion(before, expectedVersion);
  // If the schedule's flag was deleted, this can be a new flag with the same key.
  return { before, now, place: place?.flag.id === before.flagId ? place : null };
};
