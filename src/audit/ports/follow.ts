import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';

/**
 * Follows the log's matching entries, in order, without gaps or duplicates: those after the position `after`, or from now on if
 * it is absent.
 */
export type Follow = (options: {
  filter: AuditEventFilter;
  after?: number;
}) => Promise<AsyncIterableIterator<LogEntry, undefined>>;
