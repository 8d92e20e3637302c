import type { ShippedTo } from '../model/log-pruned.ts';
import type { AuditLogger } from './audit-logger.ts';

/** What pruning reads and removes. */
export type Pruning = {
  /** How long the log is, and up to where it is pruned. */
  extent(): Promise<{ size: number; prunedTo: number }>;
  /** When the entry at a position was sealed; null if it is pruned, or not there yet. */
  sealedAt(position: number): Promise<Date | null>;
  sinks(): Promise<ShippedTo[]>;
  /** How many entries the latest checkpoint covers; 0 without one. */
  coveredTo(): Promise<number>;
  /** The first position that still has rows; null if none has. */
  firstPosition(): Promise<number | null>;
  /** Removes the rows of pruned entries from one position to another, both included. */
  remove(from: number, to: number): Promise<void>;
};

/** What pruning uses inside one transaction. */
export type PruningTransaction = {
  /** Entries up to this position are pruned from the commit on. Returns false if others have pruned as many already. */
  pruneTo(position: number): Promise<boolean>;
  audit: AuditLogger;
};
