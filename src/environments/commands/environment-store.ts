import type { Environment, EnvironmentUse } from '../model/environment.ts';

/** What a change of environments needs, inside one transaction. */
export type EnvironmentWriter = {
  /**
   * Waits for the changes of flags that are under way, and holds new ones back until the transaction ends: neither a flag nor
   * an environment that is created meanwhile can be overlooked.
   */
  holdFlags(): Promise<void>;
  list(): Promise<Environment[]>;
  /** Adds an environment, with a state of every flag, as new flags have it. After `holdFlags`. */
  add(environment: Environment, now: Date): Promise<void>;
  /** An environment, locked against every other change. */
  findLocked(key: string): Promise<Environment | null>;
  save(environment: Environment): Promise<void>;
  /** What is in the way of its deletion. After `holdFlags`: then nothing is added meanwhile. */
  useOf(key: string): Promise<EnvironmentUse>;
  /** Removes an environment, and the states that flags have in it. After `holdFlags`. */
  remove(key: string): Promise<void>;
};
