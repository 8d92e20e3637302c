/** What became of a transaction; `unknown` where the database no longer remembers. */
export type TransactionFate = 'committed' | 'aborted' | 'in progress' | 'unknown';

/** An event that the database would not take, with the transaction whose fate decides whether it happened. */
export type SpooledEvent = {
  /** The exact entry, canonical JSON. */
  entry: string;
  /** Which log it belongs to. */
  logId: string;
  /** `pg_current_xact_id()` of the transaction that it records; null: it happened whatever any transaction did. */
  transactionId: string | null;
};

/** What was lost for good: how many events, why, and between which instants. */
export type Loss = {
  /**
   * UUIDv7. Count and instants of a loss never change once it has been read, so the event that declares it takes this id:
   * declared twice, after a crash, the log drops the second.
   */
  id: string;
  logId: string;
  reason: string;
  count: number;
  since: Date;
  until: Date;
};

/** A durable, bounded place on disk, shared by every process that uses the same DATA_DIR. Its calls are synchronous: the commit waits for them. None throws. */
export type Spool = {
  /**
   * Stores the events durably (fsynced before it returns). Returns how many did not fit or could not be stored; those are
   * counted as lost, durably where the disk allows it.
   */
  add(events: readonly SpooledEvent[]): number;
  /** At most `limit` events of a log whose id is greater than `after`, oldest first. */
  read(logId: string, limit: number, after?: number): (SpooledEvent & { id: number })[];
  remove(ids: readonly number[]): void;
  /** Counts events of a log as lost, all at once, and keeps them where people can still look at them: the last 1,000. */
  setAside(logId: string, ids: readonly number[], reason: string): void;
  /** Counts events as lost, for example because their transaction's fate can no longer be known. */
  addLoss(logId: string, reason: string, count: number): void;
  /** What of a log was lost and not yet declared. What is lost from here on becomes another loss. */
  losses(logId: string): Loss[];
  /** Forgets losses that the log has declared. */
  removeLosses(declared: readonly Loss[]): void;
  /** Of all logs: the events that wait here, and those lost that were not declared yet. */
  counts(): { spooled: number; lost: number };
  close(): void;
};
