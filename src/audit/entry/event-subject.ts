import type { AuditEvent } from '../model/audit-event.ts';

/**
 * Names what an entry is about; the log keeps the events of one name in the order in which they happened. All that concerns
 * a flag has one name, its schedules and overrides included, because people read a flag's history as a whole. An entry that
 * cannot be read has a name of its own.
 */
export const subjectOf = (entry: string): string => {
  try {
    const { flagKey, resource, actor }: AuditEvent = JSON.parse(entry);
    if (flagKey !== null) return `flag ${flagKey}`;
    return resource ? `${resource.type} ${resource.id}` : `actor ${actor.type} ${actor.id}`;
  } catch {
    return entry;
  }
};
