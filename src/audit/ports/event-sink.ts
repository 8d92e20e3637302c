import type { LogEntry } from '../model/audit-event.ts';

/** A place that log entries are shipped to, at least once and in order. */
export type EventSink = {
  /** Names the sink's durable cursor. */
  readonly name: string;
  /** How many entries one delivery may hold. */
  readonly maxBatch: number;
  /**
   * Delivers entries (one at least), and resolves to how many of the first ones are done with (0: none can be delivered
   * yet). Throws where the sink is out of order; then the entries come again, after a backoff. Entries accepted before
   * something went wrong count as done: a sink throws only where none are. The signal ends a delivery early.
   */
  deliver(entries: readonly LogEntry[], signal: AbortSignal): Promise<number>;
  close?(): Promise<void>;
};

/** Whether a lease on a sink was had, and how far the sink has come, whoever ships to it. */
type SinkLease = { held: boolean; position: number };

/**
 * How far each sink has come, durably, and which process ships to it. Leases are judged by the store's own clock. Whoever
 * lost its lease changes nothing any more.
 */
export type SinkCursors = {
  /** 0 for a sink that nothing was ever shipped to. */
  read(name: string): Promise<number>;
  /** Takes the lease, or makes it last `leaseMs` from now; not held where another holder's has not run out. */
  acquire(name: string, holder: string, leaseMs: number): Promise<SinkLease>;
  /** Makes a held lease last `leaseMs` from now; false where another holder has taken it. Never takes one. */
  renew(name: string, holder: string, leaseMs: number): Promise<boolean>;
  /** Moves the cursor, forward only, and forgets the last error; false where another holder has taken the lease. */
  save(name: string, holder: string, position: number): Promise<boolean>;
  saveError(name: string, holder: string, error: string): Promise<void>;
  /** Gives the lease back, so that another process need not wait for its end. */
  release(name: string, holder: string): Promise<void>;
};
