import type { IncomingMessage, ServerResponse } from 'node:http';
import DataLoader from 'dataloader';
import type { Actor, Caller, RequestContext } from '../access/model/actor.ts';
import type { ScheduleActors } from '../audit/ports/audit-log.ts';
import type { Environment } from '../environments/model/environment.ts';
import type { Flag } from '../flags/model/flag.ts';
import type { FlagState } from '../flags/model/flag-state.ts';
import type { UnreadAnswer } from '../http/unread-answers.ts';
import type { Schedule } from '../schedules/model/schedule.ts';
import type { App } from './app.ts';
import { pageSize } from './connection.ts';
import type { OperationBudget } from './operation-budget.ts';

/** What the transport knows of a request; `caller` is set by authentication, before GraphQL sees anything. */
export type ServerContext = {
  req: IncomingMessage;
  res?: ServerResponse;
  requestContext: RequestContext;
  /** Over HTTP: what waits of the answer for its reader. */
  answer?: UnreadAnswer;
  /** Over a socket: how long the message with the operation is. */
  messageBytes?: number;
  caller?: Caller;
};

/** What every resolver can reach. */
export type Context = { caller: Caller; app: App; loaders: Loaders; budget: OperationBudget; answer?: UnreadAnswer };

/**
 * Reads of many objects as one statement each. They merge, but do not remember: a subscription's context lives long.
 */
export type Loaders = {
  flagsById: DataLoader<string, Flag | null>;
  statesOf: DataLoader<string, FlagState[]>;
  conflictsOf: DataLoader<Schedule, Schedule[]>;
  upcomingRetriesOf: DataLoader<FlagState, Schedule[]>;
  environmentsByKey: DataLoader<string, Environment | null>;
  actorsOfSchedule: DataLoader<string, ScheduleActors | null>;
  creatorOfFlag: DataLoader<string, Actor | null>;
};

export const makeLoaders = ({ flags, schedules, log }: Pick<App, 'flags' | 'schedules' | 'log'>): Loaders => ({
  flagsById: new DataLoader(
    async (ids) => {
      const found = new Map((await flags.findByIds(distinct(ids))).map((flag) => [flag.id, flag]));
      return ids.map((id) => found.get(id) ?? null);
    },
    { cache: false },
  ),
  statesOf: new DataLoader(
    async (ids) => {
      const states = await flags.statesOf(distinct(ids));
      return ids.map((id) => states.get(id) ?? []);
    },
    { cache: false },
  ),
  conflictsOf: new DataLoader(
    async (of) => {
      const conflicts = await schedules.conflictsOf(of);
      return findEach(
        schedules,
        of.map(({ id }) => conflicts.get(id) ?? []),
      );
    },
    { cache: false, maxBatchSize: 200 },
  ),
  upcomingRetriesOf: new DataLoader(async (states) => findEach(schedules, await schedules.upcomingRetriesOf(states)), {
    cache: false,
    maxBatchSize: 200,
  }),
  environmentsByKey: new DataLoader(
    async (keys) => {
      const found = new Map((await flags.environments()).map((environment) => [environment.key, environment]));
      return keys.map((key) => found.get(key) ?? null);
    },
    { cache: false },
  ),
  actorsOfSchedule: new DataLoader(
    async (ids) => {
      const actors = await log.actorsOfSchedules(ids);
      return ids.map((id) => actors.get(id) ?? null);
    },
    { cache: false },
  ),
  creatorOfFlag: new DataLoader(
    async (ids) => {
      const creators = await log.creatorsOfFlags(ids);
      return ids.map((id) => creators.get(id) ?? null);
    },
    { cache: false },
  ),
});

/**
 * Schedules in lists that may have many of them in common: each is read once, and in one statement as many as in the largest
 * page, so that what is read is counted in between.
 */
const findEach = async (
  { findByIds }: Pick<App['schedules'], 'findByIds'>,
  lists: readonly string[][],
): Promise<Schedule[][]> => {
  const ids = distinct(lists.flat());
  const found = new Map<string, Schedule>();
  for (let start = 0; start < ids.length; start += pageSize.max) {
    for (const schedule of await findByIds(ids.slice(start, start + pageSize.max))) found.set(schedule.id, schedule);
  }
  return lists.map((list) => list.flatMap((id) => found.get(id) ?? []));
};

/** Loaders do not remember, so they are asked for one thing many times. */
const distinct = <Item>(items: readonly Item[]): Item[] => [...new Set(items)];
