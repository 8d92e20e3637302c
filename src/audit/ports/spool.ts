/** What became of a transaction. `unknown`: the database no longer remembers. */
export type TransactionFate = 'committed' | 'aborted' | 'in progress' | 'unknown';

/** An event that the database did not take, with the transaction whose fate decides whether it happened. */
export type SpooledEvent = {
  /** The exact entry, canonical JSON. */
  entry: string;
  /** The log that it belongs to. */
  logId: string;
  /** `pg_current_xact_id()` of the transaction that it records; null if it happened whatever becomes of any transaction. */
  transactionId: string | null;
};

/** One of the events that were lost. */
export type LostEvent = { id: string; eventType: string };

/** Events that were lost for good: how many, why, and between which instants. */
export type Loss = {
  /**
   * UUIDv7. The count and the instants of a loss do not change once it has been read, and the event that declares it takes this
   * id. If a crash causes a second declaration, the log drops it.
   */
  id: string;
  logId: string;
  reason: string;
  count: number;
  since: Date;
  until: Date;
  /** Those of them that are known by name, at most `mostNamed`. */
  events: readonly LostEvent[];
};

/** Where in DATA_DIR the events are that were given up, one line of JSON each. */
export const deadLetterFile = 'dead-letters.ndjson';

/** How many of its events a loss names. */
export const mostNamed = 20;

/**
 * Stores events durably on disk, up to a limit, for all processes with the same DATA_DIR. The calls are synchronous, because a
 * commit waits for them. They never throw.
 */
export type Spool = {
  /**
   * Stores the events durably: they are fsynced when this returns. Returns how many did not fit or could not be stored; those are
   * counted as lost, durably if the disk allows it.
   */
  add(events: readonly SpooledEvent[]): number;
  /** At most `limit` events of a log whose id is greater than `after`, oldest first. */
  read(logId: string, limit: number, after?: number): (SpooledEvent & { id: number })[];
  remove(ids: readonly number[]): void;
  /** Counts events of a log as lost, names them, and moves them to the dead letters, so that people can still look at them. */
  giveUp(logId: string, ids: readonly number[], reason: string): void;
  /** As `giveUp`, for an event that was never spooled; `entry` is null if it has no form. */
  refuse(logId: string, event: LostEvent & { entry: string | null }, reason: string): void;
  /** The losses of a log that are not yet declared. Events that are lost later become another loss. */
  losses(logId: string): Loss[];
  /** Removes losses that the log has declared. */
  removeLosses(declared: readonly Loss[]): void;
  /** Events of all logs that wait here, and lost events that are not yet declared. */
  counts(): { spooled: number; lost: number };
  /** How many events of all logs are among the dead letters. */
  deadLetters(): number;
  close(): void;
};
