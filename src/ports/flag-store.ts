import type { Environment, Flag, FlagState, FlagType } from '../domain/flag.ts';
import type { Slice } from './paging.ts';

export type FlagFilter = {
  /** Part of the key or the name, in any case. */
  search?: string | null;
  type?: FlagType | null;
  /** Flags that have all of these. */
  tags?: readonly string[] | null;
};

/** Durable home of flags, their states, and the environments. */
export type FlagStore = {
  environments(): Promise<Environment[]>;
  find(key: string): Promise<Flag | null>;
  findByIds(ids: readonly string[]): Promise<Flag[]>;
  /** By key, in alphabetical order. The cursor is a key. */
  list(filter: FlagFilter, slice: Slice<string>): Promise<Flag[]>;
  count(filter: FlagFilter): Promise<number>;
  /** Of many flags at once: their states, in the order of the environments. */
  statesOf(flagIds: readonly string[]): Promise<Map<string, FlagState[]>>;
};

/** What a change of flags needs beside, inside one transaction. */
export type FlagWriter = Pick<FlagStore, 'environments' | 'find'> & {
  /** False where the key is taken. */
  add(flag: Flag, states: readonly FlagState[]): Promise<boolean>;
  /** A flag, kept from deletion until the transaction ends, and whether it has a state in the environment. */
  findShared(key: string, environment: string): Promise<{ flag: Pick<Flag, 'id' | 'key'>; hasEnvironment: boolean } | null>;
  /** A flag with its states, locked against every other change. */
  findLocked(key: string): Promise<{ flag: Flag; states: FlagState[] } | null>;
  /** The flag and its state in one environment, locked against every other change; `state` is null for an unknown environment. */
  findLockedState(key: string, environment: string): Promise<{ flag: Flag; state: FlagState | null } | null>;
  saveState(state: FlagState): Promise<void>;
  remove(flagId: string): Promise<void>;
};
