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
  /** Part of the key or the name, in any case. */
  search?: string | null;
  type?: FlagType | null;
  statuses?: readonly FlagStatus[] | null;
  /** Flags that have all of these. */
  tags?: readonly string[] | null;
  /** What holds in one environment. */
  state?: FlagStateFilter | null;
  /** In any environment, or in that of `state`. */
  hasEmergency?: boolean | null;
  /** In any environment, or in that of `state`. */
  hasOpenSchedules?: boolean | null;
};

type FlagStateFilter = {
  environment: string;
  enabled?: boolean | null;
  minRollout?: number | null;
  maxRollout?: number | null;
  hasExperiment?: boolean | null;
};

/** What a list of flags is ordered by; where it is the same, by key. `stateUpdatedAt` is of one environment: that of the filter, or production. */
export type FlagOrderField = 'key' | 'name' | 'createdAt' | 'updatedAt' | 'stateUpdatedAt';

/** A flag in a list, with the last change of its state where the list is ordered by that. */
export type ListedFlag = Flag & { stateUpdatedAt?: Date };

/** A place in a list of flags: the key, and what the list is ordered by. */
export type FlagPlace = { key: string } & Partial<Pick<ListedFlag, 'name' | 'createdAt' | 'updatedAt' | 'stateUpdatedAt'>>;

/** How many flags are what, in one environment. */
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

/** Durable home of flags and their states. */
export type FlagStore = {
  find(key: string): Promise<Flag | null>;
  findByIds(ids: readonly string[]): Promise<Flag[]>;
  /** In rising order of a field, of the key where none is named. */
  list(filter: FlagFilter, slice: Slice<FlagPlace>, by?: FlagOrderField): Promise<ListedFlag[]>;
  count(filter: FlagFilter): Promise<number>;
  /** One statement; null for an unknown environment. */
  counts(environment: string): Promise<FlagCounts | null>;
  /** Of many flags at once: their states, in the order of the environments, or that in one environment. */
  statesOf(flagIds: readonly string[], environment?: string): Promise<Map<string, FlagState[]>>;
};

/** What of a flag decides whether a change can be scheduled. */
export type SharedFlag = Pick<Flag, 'id' | 'key' | 'type' | 'variants' | 'status' | 'statusLastSet'>;

/** New schedules rely on the flag being there, and on its variants: the latter two wait for them, and hold them off. */
export type LockPurpose = 'change' | 'variants' | 'deletion';

/** What a change of flags needs beside, inside one transaction. */
export type FlagWriter = Pick<FlagStore, 'find'> & {
  /** False where the key is taken. Its states come after it: then no environment that is created meanwhile is missed. */
  add(flag: Flag): Promise<boolean>;
  addStates(states: readonly FlagState[]): Promise<void>;
  /** A flag, kept from deletion until the transaction ends, the environment (null for an unknown one), and the database's time. */
  findShared(
    key: string,
    environment: string,
  ): Promise<{ flag: SharedFlag; environment: { enabled: boolean } | null; now: Date } | null>;
  /** A flag with its states, locked against every other change and, for its deletion or other variants, against new schedules. */
  findLocked(key: string, purpose: LockPurpose): Promise<{ flag: Flag; states: FlagState[] } | null>;
  /** The flag and its state in one environment, locked against every other change; `state` is null for an unknown environment. */
  findLockedState(key: string, environment: string): Promise<{ flag: Flag; state: EffectiveState | null } | null>;
  saveFlag(flag: Flag): Promise<void>;
  saveState(state: FlagState): Promise<void>;
  remove(flagId: string): Promise<void>;
};

/** What the commands of this wing reach in one transaction. */
export type FlagTransaction = {
  flags: FlagWriter;
  environments: EnvironmentStore;
  schedules: OpenSchedules;
  audit: AuditLogger;
};
