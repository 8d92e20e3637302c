import type { Caller } from '../../access/model/actor.ts';
import { EnvironmentDisabledError, EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { checkUpdates } from '../../flags/model/apply-updates.ts';
import { FlagNotFoundError } from '../../flags/model/flag-errors.ts';
import type { NewId } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type CreateSchedule, isSameRequest, planSchedule, type Schedule } from '../model/schedule.ts';
import { IdempotencyConflictError } from '../model/schedule-errors.ts';
import { scheduleCreated } from '../model/schedule-events.ts';
import type { ScheduleTransaction, ScheduleWriter } from './schedule-store.ts';

type Deps = { inTransaction: InTransaction<ScheduleTransaction>; newId: NewId };

/**
 * Schedules a change of one flag in one environment. If the same actor has used the idempotency key before, returns the first
 * schedule, even if its instant has passed. Throws ValidationError, FlagNotFoundError, FlagArchivedError,
 * EnvironmentNotFoundError, EnvironmentDisabledError, IdempotencyConflictError.
 */
export const makeCreateSchedule =
  ({ inTransaction, newId }: Deps) =>
  (admin: Caller, input: CreateSchedule): Promise<Schedule> =>
    inTransaction(async ({ flags, schedules, audit }) => {
      const repeated = await findRepeated(schedules, admin, input);
      if (repeated) return repeated;

      const found = await flags.findShared(input.flagKey, input.environment);
      if (!found) throw new FlagNotFoundError(input.flagKey);
      if (!found.environment) throw new EnvironmentNotFoundError(input.environment);
      if (!found.environment.enabled) throw new EnvironmentDisabledError(input.environment);
      const { now } = found;
      const schedule = planSchedule({ id: newId(now), createdBy: admin.userId, now }, found.flag, input);
      checkUpdates(found.flag, schedule.updates);

      if (!(await schedules.add(schedule))) return findConcurrentDuplicate(schedules, admin, input);
      audit.logEvent(scheduleCreated(admin, schedule));
      return schedule;
    });

const findRepeated = async (schedules: ScheduleWriter, admin: Caller, input: CreateSchedule): Promise<Schedule | null> => {
  if (input.idempotencyKey == null) return null;
  const first = await schedules.findByIdempotencyKey(admin.userId, input.idempotencyKey);
  if (first && !isSameRequest(first, input)) throw new IdempotencyConflictError(input.idempotencyKey, first.id);
  return first;
};

/**
 * Finds the schedule of a concurrent request with the same idempotency key: the second insert waited for the first, and added
 * nothing.
 */
const findConcurrentDuplicate = async (schedules: ScheduleWriter, admin: Caller, input: CreateSchedule): Promise<Schedule> => {
  const duplicate = await findRepeated(schedules, admin, input);
  if (!duplicate) throw new Error(`a schedule could be neither added nor found by its idempotency key`);
  return duplicate;
};
