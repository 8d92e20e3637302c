import type { Slice } from '../../kernel/paging.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';

/** An event's type and the id of its recorder (`metadata.recordedBy.id`), which is null for Flagtrail's own events. */
export type Recorded = { type: string; recorderId: string | null };

/** What has been recorded under each of these ids, as far as known: an event that waits in the spool is not found. */
export type FindRecorded = (ids: readonly string[]) => Promise<Map<string, Recorded>>;

/** Reads the log. Only the sequencer writes it. */
export type AuditLog = {
  find(id: string): Promise<LogEntry | null>;
  /**
   * Lists entries in order of position; cursors are positions. `maxBytes`, which works forwards only, limits a page to the
   * entries that fit; the last one can exceed it, so that a page is never empty because of its size.
   */
  list(filter: AuditEventFilter, slice: Slice<number> & { maxBytes?: number }): Promise<LogEntry[]>;
  count(filter: AuditEventFilter): Promise<number>;
  /** The position of the latest entry; 0 for an empty log. */
  size(): Promise<number>;
  /** How many lost events the log declares (audit.loss): Flagtrail's own, and those of applications. */
  declaredLost(): Promise<{ flagtrail: number; applications: number }>;
  /**
   * At most `limit` entries after a position, in order, and no more than fit into `maxBytes`. Followers of the whole log use it.
   */
  readAfter(position: number, limit: number, maxBytes?: number): Promise<LogEntry[]>;
};
