import type { Caller } from '../../access/model/actor.ts';
import type { DeletedFlag } from '../../flags/commands/delete-flag.ts';
import type { DeleteFlag } from '../../flags/model/flag.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';
import { pageSize } from '../../graphql/connection.ts';
import { distinct, makeLoader } from '../../graphql/loaders.ts';
import type { OperationBudget } from '../../graphql/operation-budget.ts';
import { weighIds, weighMap, weighRows } from '../../graphql/weigh.ts';
import type { makeApplyScheduleNow } from '../commands/apply-schedule-now.ts';
import type { makeCancelSchedule, makeCancelSchedules } from '../commands/cancel-schedule.ts';
import type { makeCreateSchedule } from '../commands/create-schedule.ts';
import type { ScheduleActors, ScheduleCounts, ScheduleStore } from '../commands/schedule-store.ts';
import type { makeRetrySchedule, makeUpdateSchedule } from '../commands/update-schedule.ts';
import type { Schedule } from '../model/schedule.ts';
import type { ScheduleFilter } from '../model/schedule-filter.ts';

declare module '../../flags/graphql/flag.ts' {
  interface FlagParent {
    /** Only for a flag that was just deleted: the schedules that were cancelled with it. */
    cancelledByDeletion?: Schedule[];
  }
}

type ScheduleLoaders = ReturnType<typeof makeScheduleLoaders>;

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    schedules: ScheduleStore;
    deleteFlag(admin: Caller, input: DeleteFlag): Promise<DeletedFlag<Schedule>>;
    countSchedules(filter: ScheduleFilter): Promise<ScheduleCounts>;
    createSchedule: ReturnType<typeof makeCreateSchedule>;
    updateSchedule: ReturnType<typeof makeUpdateSchedule>;
    retrySchedule: ReturnType<typeof makeRetrySchedule>;
    applySchedule: ReturnType<typeof makeApplyScheduleNow>;
    cancelSchedule: ReturnType<typeof makeCancelSchedule>;
    cancelSchedules: ReturnType<typeof makeCancelSchedules>;
  }
  interface Loaders extends ScheduleLoaders {}
}

type Reads = {
  schedules: Pick<ScheduleStore, 'findByIds' | 'conflictsOf' | 'upcomingRetriesOf' | 'actorsOf'>;
};

export const makeScheduleLoaders = ({ schedules }: Reads) => ({
  conflictsOf: makeLoader<Schedule, Schedule[]>(
    async (of) => {
      const conflicts = await schedules.conflictsOf(of);
      return findEach(
        schedules,
        of.map(({ id }) => conflicts.get(id) ?? []),
      );
    },
    { maxBatchSize: 200 },
  ),
  upcomingRetriesOf: makeLoader<FlagState, Schedule[]>(
    async (states) => findEach(schedules, await schedules.upcomingRetriesOf(states)),
    { maxBatchSize: 200 },
  ),
  actorsOfSchedule: makeLoader<string, ScheduleActors | null>(async (ids) => {
    const actors = await schedules.actorsOf(ids);
    return ids.map((id) => actors.get(id) ?? null);
  }),
});

/**
 * Reads the schedules of several lists that can share many of them. Each schedule is read once, and each statement reads at most
 * a full page, so that the operation's budget is checked in between.
 */
const findEach = async ({ findByIds }: Pick<ScheduleStore, 'findByIds'>, lists: readonly string[][]): Promise<Schedule[][]> => {
  const ids = distinct(lists.flat());
  const found = new Map<string, Schedule>();
  for (let start = 0; start < ids.length; start += pageSize.max) {
    for (const schedule of await findByIds(ids.slice(start, start + pageSize.max))) found.set(schedule.id, schedule);
  }
  return lists.map((list) => list.flatMap((id) => found.get(id) ?? []));
};

const weighSchedules = (schedules: readonly Schedule[]) => weighRows(schedules, ({ updates }) => updates?.rules);

/** The schedules, but their reads count towards the budget of one operation. */
export const meterSchedules = (schedules: ScheduleStore, { read }: OperationBudget): ScheduleStore => ({
  ...schedules,
  list: (...args) => read(() => schedules.list(...args), weighSchedules),
  listOpen: (...args) => read(() => schedules.listOpen(...args), weighSchedules),
  // The ids of these schedules are already counted. Now their contents are.
  findByIds: (ids) =>
    read(
      () => schedules.findByIds(ids),
      (found) => ({ ...weighSchedules(found), rows: 0 }),
    ),
  conflictsOf: (of) =>
    read(
      () => schedules.conflictsOf(of),
      (found) => weighIds([...found.values()]),
    ),
  upcomingRetriesOf: (states) => read(() => schedules.upcomingRetriesOf(states), weighIds),
  actorsOf: (ids) => read(() => schedules.actorsOf(ids), weighMap),
});
