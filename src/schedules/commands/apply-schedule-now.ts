import type { Caller } from '../../access/model/actor.ts';
import { FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { applyAtOnce } from '../model/apply-schedule.ts';
import { checkScheduleVersion, type ScheduleTarget } from '../model/edit-schedule.ts';
import { isOpen, type Schedule } from '../model/schedule.ts';
import { ScheduleNotApplicableError, ScheduleNotFoundError } from '../model/schedule-errors.ts';
import { scheduleApplied } from '../model/schedule-events.ts';
import type { ScheduleTransaction } from './schedule-store.ts';

type Deps = { inTransaction: InTransaction<ScheduleTransaction> };

/**
 * Applies an open schedule now, by the worker's rules. If it cannot be applied, nothing changes. If the worker applies it at
 * the same time, the first to lock the flag wins. Throws ScheduleNotFoundError, ScheduleVersionConflictError,
 * ScheduleNotApplicableError, FlagNotFoundError, EnvironmentDisabledError, EmergencyOverrideActiveError, FlagArchivedError,
 * ValidationError.
 */
export const makeApplyScheduleNow =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { id, expectedVersion }: ScheduleTarget): Promise<Schedule> =>
    inTransaction(async ({ schedules, audit }) => {
      const due = await schedules.hold(id);
      if (!due) throw new ScheduleNotFoundError(id);
      const { schedule, held, now } = due;
      checkScheduleVersion(schedule, expectedVersion);
      if (!isOpen(schedule)) throw new ScheduleNotApplicableError(id, schedule.status);
      if (!held) throw new FlagNotFoundError(schedule.flagKey);
      const applied = applyAtOnce(schedule, held, now);
      const { flag, state } = applied.next;
      const flags = new Map(schedule.updates.status === undefined ? [] : [[flag.id, flag]]);
      await schedules.saveOutcomes([applied.schedule], { flags, states: new Map([[id, state]]) });
      audit.logEvent(scheduleApplied(applied, now, admin));
      return applied.schedule;
    });
