import type { Actor } from '../../access/model/actor.ts';
import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { EnvironmentStore } from '../../environments/commands/environment-store.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { EffectiveState } from '../model/effective-state.ts';
import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';
import type { FlagStatus } from '../model/flag-status.ts';
import type { FlagType } from '../model/flag-type.ts';
import type { OpenSchedules } from './open-schedules.ts';

export type FlagFilter = {
  /** Matches part of the key or the name, ignoring case. */
  search?: string | null;
  type?: FlagType | null;
  statuses?: readonly FlagStatus[] | null;
  /** Matches flags that have all of these tags. */
  tags?: readonly string[] | null;
  /** Matches the state in one environment. */
  state?: FlagStateFilter | null;
  /** In the environment of `state`, or in any environment. */
  hasEmergency?: boolean | null;
  /** In the environment of `state`, or in any environment. */
  hasOpenSchedules?: boolean | null;
};

type FlagStateFilter = {
  environment: string;
  enabled?: boolean | null;
  minRollout?: number | null;
  maxRollout?: number | null;
  hasExperiment?: boolean | null;
};

/**
 * The field that orders a list of flags; the key breaks ties. `stateUpdatedAt` is read in the filter's environment, or in
 * production.
 */
export type FlagOrderField = 'key' | 'name' | 'createdAt' | 'updatedAt' | 'stateUpdatedAt';

/** A flag in a list. `stateUpdatedAt` is set if the list is ordered by it. */
export type ListedFlag = Flag & { stateUpdatedAt?: Date };

/** A flag's place in a list: its key and the value that the list is ordered by. */
export type FlagPlace = { key: string } & Partial<Pick<ListedFlag, 'name' | 'createdAt' | 'updatedAt' | 'stateUpdatedAt'>>;

/** Counts of flags in one environment. */
export type FlagCounts = {
  total: number;
  active: number;
  deprecated: number;
  archived: number;
  enabled: number;
  disabled: number;
  withEmergency: number;
  withExperiment: number;
  withOpenSchedules: number;
};

/** Reads flags and their states. */
export type FlagStore = {
  find(key: string): Promise<Flag | null>;
  findByIds(ids: readonly string[]): Promise<Flag[]>;
  /** In ascending order of a field, by default the key. */
  list(filter: FlagFilter, slice: Slice<FlagPlace>, by?: FlagOrderField): Promise<ListedFlag[]>;
  count(filter: FlagFilter): Promise<number>;
  /** Uses one statement. Null for an unknown environment. */
  counts(environment: string): Promise<FlagCounts | null>;
  /** The states of many flags by flag id: in all environments, oldest environment first, or in one environment. */
  statesOf(flagIds: readonly string[], environment?: string): Promise<Map<string, FlagState[]>>;
  /** Who created flags, by flag id. Flags that the log does not know are left out. */
  creatorsOf(flagIds: readonly string[]): Promise<Map<string, Actor>>;
};

/** The fields of a flag that decide whether a change can be scheduled. */
export type SharedFlag = Pick<Flag, 'id' | 'key' | 'type' | 'variants' | 'status' | 'statusLastSet'>;

/**
 * Why a flag is locked. A new schedule depends on its flag and on the flag's variants, so `variants` and `deletion` also wait
 * for new schedules and block them.
 */
export type LockPurpose = 'change' | 'variants' | 'deletion';

/** Changes flags inside one transaction. */
export type FlagWriter = Pick<FlagStore, 'find'> & {
  /** False if the key is taken. Add the flag before its states: then an environment that is created meanwhile is not missed. */
  add(flag: Flag): Promise<boolean>;
  addStates(states: readonly FlagState[]): Promise<void>;
  /**
   * The flag, the environment (null if unknown) and the database's time. The flag cannot be deleted until the transaction ends.
   */
  findShared(
    key: string,
    environment: string,
  ): Promise<{ flag: SharedFlag; environment: { enabled: boolean } | null; now: Date } | null>;
  /** A flag with its states, locked against every other change. `variants` and `deletion` lock out new schedules, too. */
  findLocked(key: string, purpose: LockPurpose): Promise<{ flag: Flag; states: FlagState[] } | null>;
  /** The flag and its state in one environment, locked against every other change. `state` is null for an unknown environment. */
  findLockedState(key: string, environment: string): Promise<{ flag: Flag; state: EffectiveState | null } | null>;
  saveFlag(flag: Flag): Promise<void>;
  saveState(state: FlagState): Promise<void>;
  remove(flagId: string): Promise<void>;
};

/** What this wing's commands use inside one transaction. */
export type FlagTransaction = {
  flags: FlagWriter;
  environments: EnvironmentStore;
  schedules: OpenSchedules;
  audit: AuditLogger;
};
