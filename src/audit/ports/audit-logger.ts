import type { EventDraft } from '../model/audit-event.ts';

/** Whether an event could be taken in. A failure has been logged and counted already: there is nothing for the caller to do. */
export type LogResult = { ok: true } | { ok: false; reason: string };

/** For a draft that has no form as an entry. */
export const notWrittenDown: LogResult = { ok: false, reason: 'the event could not be written down' };

/**
 * Takes in audit events. Never throws, and never waits for anything: inside a transaction an event is stored with the
 * change that it records; outside of one it is stored as soon as possible.
 */
export type AuditLogger = {
  logEvent(draft: EventDraft): LogResult;
};
