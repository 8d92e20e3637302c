import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type CancelSchedule, manualCancellation, type Schedule } from '../model/schedule.ts';
import { ScheduleNotCancellableError, ScheduleNotFoundError, TooManySchedulesError } from '../model/schedule-errors.ts';
import { scheduleCancelled } from '../model/schedule-events.ts';
import { type CancelSchedules, maxCancelled } from '../model/schedule-filter.ts';
import type { ScheduleTransaction } from './schedule-store.ts';

type Deps = { inTransaction: InTransaction<ScheduleTransaction> };

/**
 * Cancels an open schedule. If the worker applies it at the same time, the first to lock its row wins. Throws
 * ScheduleNotFoundError, ScheduleNotCancellableError.
 */
export const makeCancelSchedule =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { id, reason }: CancelSchedule): Promise<Schedule> =>
    inTransaction(async ({ schedules, audit }) => {
      const cancelled = await schedules.cancelOpen({ id, cancelledBy: admin.userId, reason: reason ?? manualCancellation });
      if (!cancelled) {
        const existing = await schedules.find(id);
        throw existing ? new ScheduleNotCancellableError(id, existing.status) : new ScheduleNotFoundError(id);
      }
      audit.logEvent(scheduleCancelled(admin, cancelled.schedule, cancelled.before));
      return cancelled.schedule;
    });

/** Cancels every open schedule that matches the filter, or none, with an event for each. Throws TooManySchedulesError. */
export const makeCancelSchedules =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { filter, reason }: CancelSchedules): Promise<Schedule[]> =>
    inTransaction(async ({ schedules, audit }) => {
      const why = { cancelledBy: admin.userId, reason: reason ?? manualCancellation };
      const cancelled = await schedules.cancelMatching({ filter, max: maxCancelled, ...why });
      if ('tooMany' in cancelled) throw new TooManySchedulesError(cancelled.tooMany, maxCancelled);
      for (const { schedule, before } of cancelled) audit.logEvent(scheduleCancelled(admin, schedule, before));
      return cancelled.map(({ schedule }) => schedule);
    });

/** Cancels the open schedules of a flag within the transaction that deletes the flag. */
export const cancelWithFlag = async (
  { schedules, audit }: Pick<ScheduleTransaction, 'schedules' | 'audit'>,
  admin: Caller,
  { id: flagId }: { id: string },
): Promise<Schedule[]> => {
  const cancelled = await schedules.cancelAllOpen({ flagId, cancelledBy: admin.userId, reason: 'flag_deleted' });
  for (const { schedule, before } of cancelled) audit.logEvent(scheduleCancelled(admin, schedule, before));
  return cancelled.map(({ schedule }) => schedule);
};
