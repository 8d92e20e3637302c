import type { Actor } from '../../access/model/actor.ts';
import { distinct, makeLoader } from '../../graphql/loaders.ts';
import type { OperationBudget } from '../../graphql/operation-budget.ts';
import { weighMap, weighRows } from '../../graphql/weigh.ts';
import type { makeChangeOverrides } from '../commands/change-overrides.ts';
import type { makeChangeRules } from '../commands/change-rules.ts';
import type { makeCreateFlag } from '../commands/create-flag.ts';
import type { FlagStore } from '../commands/flag-store.ts';
import type { makeOverrideInEmergency } from '../commands/override-in-emergency.ts';
import type { makeRecordFlagReads } from '../commands/record-flag-reads.ts';
import type { makeRunExperiment } from '../commands/run-experiment.ts';
import type { makeSetFlagStatus, makeUpdateFlag } from '../commands/update-flag.ts';
import type { makeUpdateFlagState } from '../commands/update-flag-state.ts';
import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';

/** The use cases that change parts of a flag's state. */
type StateChanges = ReturnType<typeof makeChangeRules> &
  ReturnType<typeof makeChangeOverrides> &
  ReturnType<typeof makeRunExperiment> &
  ReturnType<typeof makeOverrideInEmergency>;
type FlagLoaders = ReturnType<typeof makeFlagLoaders>;

declare module '../../graphql/app.ts' {
  interface GraphQLApp extends StateChanges {
    flags: FlagStore;
    createFlag: ReturnType<typeof makeCreateFlag>;
    updateFlag: ReturnType<typeof makeUpdateFlag>;
    setFlagStatus: ReturnType<typeof makeSetFlagStatus>;
    updateFlagState: ReturnType<typeof makeUpdateFlagState>;
    recordFlagViewed: ReturnType<typeof makeRecordFlagReads>['recordFlagViewed'];
  }
  interface Loaders extends FlagLoaders {}
}

export const makeFlagLoaders = ({ flags }: { flags: FlagStore }) => ({
  flagsById: makeLoader<string, Flag | null>(async (ids) => {
    const found = new Map((await flags.findByIds(distinct(ids))).map((flag) => [flag.id, flag]));
    return ids.map((id) => found.get(id) ?? null);
  }),
  statesOf: makeLoader<string, FlagState[]>(async (ids) => {
    const states = await flags.statesOf(distinct(ids));
    return ids.map((id) => states.get(id) ?? []);
  }),
  creatorOfFlag: makeLoader<string, Actor | null>(async (ids) => {
    const creators = await flags.creatorsOf(ids);
    return ids.map((id) => creators.get(id) ?? null);
  }),
});

const weighFlags = (flags: readonly Flag[]) => weighRows(flags, ({ variants }) => variants);
const weighStates = (states: readonly FlagState[]) => weighRows(states, ({ rules, overrides }) => [rules, overrides]);

/** The flags, but their reads count towards the budget of one operation. */
export const meterFlags = (flags: FlagStore, { read }: OperationBudget): FlagStore => ({
  ...flags,
  list: (...args) => read(() => flags.list(...args), weighFlags),
  findByIds: (ids) => read(() => flags.findByIds(ids), weighFlags),
  creatorsOf: (ids) => read(() => flags.creatorsOf(ids), weighMap),
  statesOf: (...args) =>
    read(
      () => flags.statesOf(...args),
      (found) => weighStates([...found.values()].flat()),
    ),
});
