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
export type Loss = { id: number; logId: string; reason: string; count: number; since: Date; until: Date };

/** A durable, bounded place on disk, shared by every process that uses the same DATA_DIR. Its calls are synchronous: the commit waits for them. */
export type Spool = {
  /**
   * Stores the events durably (fsynced before it returns). Returns how many did not fit or could not be stored; those are
   * counted as lost, durably where the disk allows it.
   */
  add(events: readonly SpooledEvent[]): number;
  /** At most `limit` events of a log, oldest first. */
  read(logId: string, limit: number): (SpooledEvent & { id: number })[];
  remove(ids: readonly number[]): void;
  /** Counts events as lost, for example because their transaction's fate can no longer be known. */
  addLoss(logId: string, reason: string, count: number): void;
  losses(logId: string): Loss[];
  /** Forgets losses that the log has declared; what was added to a row since `read` stays. */
  removeLosses(declared: readonly Loss[]): void;
  counts(): { spooled: number; lost: number };
  close(): void;
};
