import type { Caller } from '../domain/access/actor.ts';
import { ScheduleNotCancellableError, ScheduleNotFoundError } from '../domain/errors.ts';
import type { CancelSchedule, Schedule } from '../domain/schedules/schedule.ts';
import { scheduleCancelled } from '../domain/schedules/schedule-events.ts';
import type { Clock } from '../ports/clock.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; clock: Clock };

/**
 * Cancels a schedule that can still become due. Racing the worker, whoever locks its row first wins.
 * Throws ScheduleNotFoundError, ScheduleNotCancellableError.
 */
export const makeCancelSchedule =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, { id, reason }: CancelSchedule): Promise<Schedule> =>
    inTransaction(async ({ schedules, audit }) => {
      const cancelled = await schedules.cancelOpen({
        id,
        cancelledBy: admin.userId,
        cancelledAt: clock.now(),
        reason: reason ?? null,
      });
      if (!cancelled) {
        const existing = await schedules.find(id);
        throw existing ? new ScheduleNotCancellableError(id, existing.status) : new ScheduleNotFoundError(id);
      }
      audit.logEvent(scheduleCancelled(admin, cancelled.schedule, cancelled.before));
      return cancelled.schedule;
    });
