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

/** The outcome for one event. `id` is the given id, or its beginning; `issues` say why the event was REFUSED. */
export type RecordedAuditEvent = {
  id: string;
  status: 'RECORDED' | 'DUPLICATE' | 'REFUSED';
  issues: ValidationIssue[];
};

/**
 * Records events of another application, each on its own: a refused event does not hold up the others. A RECORDED event is
 * stored, in the outbox or fsynced in the spool, and enters the log once.
 *
 * A DUPLICATE has the id of an event in the log, in the outbox or earlier in the batch, from the same sender and of the same
 * type. If the id belongs to a different event, it is REFUSED; otherwise anyone could keep an event out of the log by using its
 * id first. Two concurrent requests with the same id do not see each other, so both are answered RECORDED, and so is an id whose
 * first event waits in the spool. The sequencer drops the second one, so the answer still holds: the log will have the event,
 * once.
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

/** An invalid id can be as long as a request, and the answer could repeat it hundreds of times. */
const longestId = 100;
const maxEventBytes = 256 * 1024;

type Drafted = { ok: true; id: string; draft: EventDraft } | { ok: false; issues: ValidationIssue[] };

const toDraft = (caller: Caller, input: AuditEventInput, now: Date): Drafted => {
  const read = readAuditEvent(input, now);
  if (!read.ok) return read;
  const { event } = read;
  const draft = event.type === 'audit.loss' ? draftLoss(caller, event) : draftEvent(caller, event);
  // The limits of the single fields usually keep an event below this. This check covers the rest, such as an extremely long name
  // of the sender.
  if (bytesOf(draft, maxEventBytes) <= maxEventBytes) return { ok: true, id: event.id, draft };
  return { ok: false, issues: [{ path: [], message: `would take more than ${maxEventBytes} bytes in the log` }] };
};
