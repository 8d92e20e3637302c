import type { Caller } from '../../access/model/actor.ts';
import type { EventDraft } from '../../audit/model/audit-event.ts';
import type { FindRecorded } from '../../audit/ports/audit-log.ts';
import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ValidationIssue } from '../../kernel/errors.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { bytesOf } from '../../kernel/json-size.ts';
import { draftEvent, draftLoss, recorderOf } from '../model/event-drafts.ts';
import { type AuditEventInput, type RecordAuditEvents, readAuditEvent } from '../model/event-input.ts';

type Deps = { inTransaction: InTransaction<{ audit: AuditLogger }>; findRecorded: FindRecorded; clock: Clock };

/** What became of one event. `id` is as it was given, or its beginning; `issues` say why it was REFUSED. */
export type RecordedAuditEvent = {
  id: string;
  status: 'RECORDED' | 'DUPLICATE' | 'REFUSED';
  issues: ValidationIssue[];
};

/**
 * Records events of another application, each by itself: one that is refused holds up no other. What is answered RECORDED is
 * stored, and comes into the log once: in the outbox, or fsynced in the spool.
 *
 * A DUPLICATE is what the log or the outbox has, or an earlier event of the same batch, by the same sender and of the same type:
 * what has the id of another event is REFUSED, lest somebody keep it out of the log by using its id first. Of two requests with the same id at the
 * same time, neither sees the other's, and both are answered RECORDED; so is an id whose first event waits in the spool. The
 * sequencer drops what came second, so the answer is true all the same: the log will have the event, once.
 */
export const makeRecordAuditEvents =
  ({ inTransaction, findRecorded, clock }: Deps) =>
  async (caller: Caller, { events }: RecordAuditEvents): Promise<RecordedAuditEvent[]> => {
    const now = clock.now();
    const read = events.map((event) => toDraft(caller, event, now));
    const recorded = await findRecorded(read.flatMap((found) => (found.ok ? [found.id] : [])));
    const recorderId = recorderOf(caller).id;

    const fresh: { draft: EventDraft; id: string; place: number }[] = [];
    const results = read.map((found, place): RecordedAuditEvent => {
      const id = events[place]?.id.slice(0, longestId) ?? '';
      if (!found.ok) return { id, status: 'REFUSED', issues: found.issues };
      const type = found.draft.eventType;
      const earlier = recorded.get(found.id);
      if (earlier) {
        if (earlier.type === type && earlier.recorderId === recorderId) return { id, status: 'DUPLICATE', issues: [] };
        return { id, status: 'REFUSED', issues: [{ path: ['id'], message: 'was used for another event' }] };
      }
      recorded.set(found.id, { type, recorderId });
      fresh.push({ draft: found.draft, id, place });
      return { id, status: 'RECORDED', issues: [] };
    });
    if (fresh.length === 0) return results;

    return inTransaction(async ({ audit }) => {
      const outcome = [...results];
      for (const { draft, id, place } of fresh) {
        const logged = audit.logEvent(draft);
        if (!logged.ok) outcome[place] = { id, status: 'REFUSED', issues: [{ path: [], message: logged.reason }] };
      }
      return outcome;
    });
  };

/** An id that is none may be as long as a request, and would be answered hundreds of times. */
const longestId = 100;
const maxEntryBytes = 256 * 1024;

type Drafted = { ok: true; id: string; draft: EventDraft } | { ok: false; issues: ValidationIssue[] };

const toDraft = (caller: Caller, input: AuditEventInput, now: Date): Drafted => {
  const read = readAuditEvent(input, now);
  if (!read.ok) return read;
  const { event } = read;
  const draft = event.type === 'audit.loss' ? draftLoss(caller, event) : draftEvent(caller, event);
  // The limits of its parts keep an event below that; this holds where they do not, as with a sender's endless name.
  if (bytesOf(draft, maxEntryBytes) <= maxEntryBytes) return { ok: true, id: event.id, draft };
  return { ok: false, issues: [{ path: [], message: `would take more than ${maxEntryBytes} bytes in the log` }] };
};
