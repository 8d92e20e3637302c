import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { Environment } from '../model/environment.ts';

/** Durable home of environments. */
export type EnvironmentStore = {
  /** In the order in which they were created. */
  list(): Promise<Environment[]>;
};

/** What a change of environments needs, inside one transaction. */
export type EnvironmentWriter = EnvironmentStore & {
  add(environment: Environment): Promise<void>;
  /** An environment, locked against every other change. */
  findLocked(key: string): Promise<Environment | null>;
  save(environment: Environment): Promise<void>;
  remove(key: string): Promise<void>;
};

/** What an environment asks of the flags in it. They stand on environments, and answer from there. */
export type FlagsOfEnvironments = {
  /**
   * Waits for the changes of flags that are under way, and holds new ones back until the transaction ends: neither a flag nor
   * an environment that is created meanwhile can be overlooked. Before everything else.
   */
  hold(): Promise<void>;
  /** Gives every flag a state in a new environment, as new flags have it. */
  addStatesIn(environment: string, now: Date): Promise<void>;
  /** How many flags differ from a new one there. */
  countChangedIn(environment: string): Promise<number>;
  removeStatesIn(environment: string): Promise<void>;
};

/** What the commands of this wing reach in one transaction. */
export type EnvironmentTransaction = {
  environments: EnvironmentWriter;
  flagsOfEnvironments: FlagsOfEnvironments;
  schedules: { countOpen(scope: { environment: string }): Promise<number> };
  audit: AuditLogger;
};
