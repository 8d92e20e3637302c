import type { LogEntry } from '../domain/audit-event.ts';

/** A place that log entries are shipped to, at least once and in order. */
export type EventSink = {
  /** Names the sink's durable cursor. */
  readonly name: string;
  /** How many entries one delivery may hold. */
  readonly maxBatch: number;
  /**
   * Delivers a prefix of the entries, and resolves to how many of them are done with (0: none can be delivered yet).
   * Throws where the sink is out of order; then the entries come again, after a backoff.
   */
  deliver(entries: readonly LogEntry[]): Promise<number>;
  close?(): Promise<void>;
};

/** How far each sink has come, durably. */
export type SinkCursors = {
  read(name: string): Promise<number>;
  save(name: string, position: number): Promise<void>;
  saveError(name: string, error: string): Promise<void>;
};
