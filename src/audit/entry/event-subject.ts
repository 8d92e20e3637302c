import type { AuditEvent } from '../model/audit-event.ts';
import { splitLines } from '../model/entry.ts';

/**
 * The subject of an entry. The log keeps the events of one subject in the order in which they happened. Everything about a flag
 * has the same subject, including its schedules and overrides, because people read a flag's history as a whole. An entry that
 * cannot be parsed gets a subject of its own.
 */
export const subjectOf = (entry: string): string => {
  try {
    const { flagKey, resource, actor }: AuditEvent = JSON.parse(splitLines(entry).entry);
    if (flagKey !== null) return `flag ${flagKey}`;
    return resource ? `${resource.type} ${resource.id}` : `actor ${actor.type} ${actor.id}`;
  } catch {
    return entry;
  }
};
