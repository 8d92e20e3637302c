import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';

/** The log's entries that match, in order, without gap or duplicate: what comes after the position `after`; absent: from now on. */
export type Follow = (options: {
  filter: AuditEventFilter;
  after?: number;
}) => Promise<AsyncIterableIterator<LogEntry, undefined>>;
