import type { Actor } from '../../access/model/actor.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';

/** What an event is and who recorded it (`metadata.recordedBy.id`): null for Flagtrail's own. */
export type Recorded = { type: string; recorderId: string | null };

/** What has been recorded under which of the ids already, as far as that is known: an event may wait in the spool. */
export type FindRecorded = (ids: readonly string[]) => Promise<Map<string, Recorded>>;

/** Who created and who cancelled a schedule, as far as the log has it. */
export type ScheduleActors = { created: Actor | null; cancelled: Actor | null };

/** The log, read. Nothing outside the sequencer writes it. */
export type AuditLog = {
  find(id: string): Promise<LogEntry | null>;
  /**
   * In position order; the cursor is a position. With `maxBytes`, which is for reading forwards, no more than fit: the last one
   * may be over it, so that there is always one.
   */
  list(filter: AuditEventFilter, slice: Slice<number> & { maxBytes?: number }): Promise<LogEntry[]>;
  count(filter: AuditEventFilter): Promise<number>;
  /** The position of the latest entry; 0 for an empty log. */
  size(): Promise<number>;
  /** How many events the log says were lost (audit.loss): Flagtrail's own, and what applications declare. */
  declaredLost(): Promise<{ flagtrail: number; applications: number }>;
  /** Of many schedules at once, by id: who acted, as known at that moment. Those that the log does not know are left out. */
  actorsOfSchedules(ids: readonly string[]): Promise<Map<string, ScheduleActors>>;
  /** Of many flags at once, by id: who created them. Those that the log does not know are left out. */
  creatorsOfFlags(ids: readonly string[]): Promise<Map<string, Actor>>;
  /** At most `limit` entries after a position, in order, and as many as fit: what followers of the whole log read. */
  readAfter(position: number, limit: number, maxBytes?: number): Promise<LogEntry[]>;
};
