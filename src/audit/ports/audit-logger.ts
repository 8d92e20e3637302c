import type { EventDraft } from '../model/audit-event.ts';

/** Whether an event was taken. A failure has been logged and counted already, so the caller has nothing to do. */
export type LogResult = { ok: true } | { ok: false; reason: string };

/** For a draft that cannot be written as an entry. */
export const notWrittenDown: LogResult = { ok: false, reason: 'the event could not be written down' };

/**
 * Takes audit events. Never throws, and never waits: inside a transaction an event is stored together with the change that it
 * records; outside a transaction it is stored as soon as possible.
 */
export type AuditLogger = {
  logEvent(draft: EventDraft): LogResult;
};
