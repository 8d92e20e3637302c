import type { LogEntry } from '../model/audit-event.ts';

/** A destination to which log entries are shipped in order, each at least once. */
export type EventSink = {
  /** Names the sink's durable cursor. */
  readonly name: string;
  /** How many entries one delivery can hold. */
  readonly maxBatch: number;
  /**
   * Delivers one or more entries. Resolves to how many of them, from the start, are done; 0 means that none can be delivered yet.
   * Throws if the sink fails; the entries then come again, after a backoff. Entries that were accepted before a failure count as
   * done, so a sink throws only if it accepted none. The signal ends a delivery early.
   */
  deliver(entries: readonly LogEntry[], signal: AbortSignal): Promise<number>;
  close?(): Promise<void>;
};

/** Whether the lease is held, and how far the sink has come, whichever process ships to it. */
type SinkLease = { held: boolean; position: number };

/**
 * Durably stores how far each sink has come, and which process ships to it. The store's own clock decides when a lease ends. A
 * process that has lost its lease can no longer change anything.
 */
export type SinkCursors = {
  /** The sink's position; 0 if nothing was ever shipped to it. */
  read(name: string): Promise<number>;
  /** Takes the lease, or extends it to `leaseMs` from now. It is not held if another holder's lease has not expired. */
  acquire(name: string, holder: string, leaseMs: number): Promise<SinkLease>;
  /** Extends a held lease to `leaseMs` from now. Returns false if another holder has taken it. Never takes a lease. */
  renew(name: string, holder: string, leaseMs: number): Promise<boolean>;
  /** Moves the cursor, only forwards, and clears the last error. Returns false if another holder has taken the lease. */
  save(name: string, holder: string, position: number): Promise<boolean>;
  saveError(name: string, holder: string, error: string): Promise<void>;
  /** Gives the lease back, so that another process need not wait until it expires. */
  release(name: string, holder: string): Promise<void>;
};
