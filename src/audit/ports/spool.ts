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
};

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
  /** Counts events of a log as lost, and keeps the last 1,000 of them aside, so that people can still look at them. */
  setAside(logId: string, ids: readonly number[], reason: string): void;
  /** Counts events as lost, for example because the fate of their transaction can no longer be known. */
  addLoss(logId: string, reason: string, count: number): void;
  /** The losses of a log that are not yet declared. Events that are lost later become another loss. */
  losses(logId: string): Loss[];
  /** Removes losses that the log has declared. */
  removeLosses(declared: readonly Loss[]): void;
  /** Events of all logs that wait here, and lost events that are not yet declared. */
  counts(): { spooled: number; lost: number };
  close(): void;
};
