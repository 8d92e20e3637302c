import type { LogEntry } from '../audit/model/audit-event.ts';
import type { Flag } from '../flags/model/flag.ts';
import type { FlagState } from '../flags/model/flag-state.ts';
import { bytesOf } from '../kernel/json-size.ts';
import type { Schedule } from '../schedules/model/schedule.ts';
import type { App } from './app.ts';
import type { OperationBudget, Weight } from './operation-budget.ts';

/** What a row holds beside its JSON. */
const rowBytes = 500;
/** What an id takes. */
const idBytes = 50;

const weigh = <Item>(items: readonly Item[], jsonOf: (item: Item) => unknown): Weight => {
  let bytes = items.length * rowBytes;
  for (const item of items) bytes += bytesOf(jsonOf(item));
  return { rows: items.length, bytes };
};
const weighFlags = (flags: readonly Flag[]) => weigh(flags, ({ variants }) => variants);
const weighStates = (states: readonly FlagState[]) => weigh(states, ({ rules, overrides }) => [rules, overrides]);
const weighSchedules = (schedules: readonly Schedule[]) => weigh(schedules, ({ updates }) => updates?.rules);
const weighEntries = (entries: readonly LogEntry[]): Weight => ({
  rows: entries.length,
  bytes: entries.reduce((bytes, { entry }) => bytes + entry.length, 0),
});
const weighIds = (lists: readonly string[][]): Weight => {
  const rows = lists.flat().length;
  return { rows, bytes: rows * idBytes };
};
const weighMap = ({ size }: ReadonlyMap<unknown, unknown>): Weight => ({ rows: size, bytes: size * rowBytes });

/** The application, with everything that reads lists charged to one operation. */
export const meterReads = (app: App, { read }: OperationBudget): App => {
  const { flags, schedules, log, apiKeys } = app;
  return {
    ...app,
    flags: {
      ...flags,
      list: (...args) => read(() => flags.list(...args), weighFlags),
      findByIds: (ids) => read(() => flags.findByIds(ids), weighFlags),
      statesOf: (...args) =>
        read(
          () => flags.statesOf(...args),
          (found) => weighStates([...found.values()].flat()),
        ),
    },
    schedules: {
      ...schedules,
      list: (...args) => read(() => schedules.list(...args), weighSchedules),
      listOpen: (...args) => read(() => schedules.listOpen(...args), weighSchedules),
      // Those whose ids lists had, and were charged for: what comes now is what they hold.
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
    },
    log: {
      ...log,
      list: (...args) => read(() => log.list(...args), weighEntries),
      actorsOfSchedules: (ids) => read(() => log.actorsOfSchedules(ids), weighMap),
      creatorsOfFlags: (ids) => read(() => log.creatorsOfFlags(ids), weighMap),
    },
    apiKeys: {
      ...apiKeys,
      list: (...args) =>
        read(
          () => apiKeys.list(...args),
          ({ length }) => ({ rows: length, bytes: length * rowBytes }),
        ),
    },
  };
};
