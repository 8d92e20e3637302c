import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { Environment } from '../model/environment.ts';

/** Reads environments. */
export type EnvironmentStore = {
  /** In order of creation. */
  list(): Promise<Environment[]>;
};

/** Changes environments inside one transaction. */
export type EnvironmentWriter = EnvironmentStore & {
  add(environment: Environment): Promise<void>;
  /** Locks the environment against every other change; null if it does not exist. */
  findLocked(key: string): Promise<Environment | null>;
  save(environment: Environment): Promise<void>;
  remove(key: string): Promise<void>;
};

/** What environments need from flags. Flags import environments, so the flags wing implements this port. */
export type FlagsOfEnvironments = {
  /**
   * Waits for changes of flags that are under way, and holds new ones back until the transaction ends. Call it first: otherwise
   * a flag or an environment created meanwhile could be missed.
   */
  lock(): Promise<void>;
  /** Gives every flag a new flag's state in the environment. */
  addStatesIn(environment: string, now: Date): Promise<void>;
  /** How many flags differ from a new flag in the environment. */
  countChangedIn(environment: string): Promise<number>;
  removeStatesIn(environment: string): Promise<void>;
};

/** What this wing's commands use inside one transaction. */
export type EnvironmentTransaction = {
  environments: EnvironmentWriter;
  flagsOfEnvironments: FlagsOfEnvironments;
  schedules: { countOpen(scope: { environment: string }): Promise<number> };
  audit: AuditLogger;
};
