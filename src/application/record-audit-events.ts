import type { Caller } from '../domain/access/actor.ts';
import { externalEvent, externalLoss } from '../domain/audit/external-event-drafts.ts';
import { type DeclaredLoss, type ExternalEvent, type RecordAuditEvents, readAuditEvent } from '../domain/audit/record-events.ts';
import type { ValidationIssue } from '../domain/errors.ts';
import type { FindRecorded } from '../ports/audit-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; findRecorded: FindRecorded; clock: Clock };

/** What became of one event. `id` is as it was given; `issues` say why it was REFUSED. */
export type RecordedAuditEvent = {
  id: string;
  status: 'RECORDED' | 'DUPLICATE' | 'REFUSED';
  issues: ValidationIssue[];
};

/**
 * Records events of another application, each by itself: one that is refused holds up no other. What is answered RECORDED is
 * stored, and comes into the log once: in the outbox, or fsynced in the spool.
 *
 * A DUPLICATE is what the log or the outbox has, or an earlier event of the same batch. Of two requests with the same id at the
 * same time, neither sees the other's, and both are answered RECORDED; so is an id whose first event waits in the spool. The
 * sequencer drops what came second, so the answer is true all the same: the log will have the event, once.
 */
export const makeRecordAuditEvents =
  ({ inTransaction, findRecorded, clock }: Deps) =>
  async (caller: Caller, { events }: RecordAuditEvents): Promise<RecordedAuditEvent[]> => {
    const now = clock.now();
    const read = events.map((event) => readAuditEvent(event, now));
    const taken = await findRecorded(read.flatMap((found) => (found.ok ? [found.event.id] : [])));

    const fresh: { event: ExternalEvent | DeclaredLoss; id: string; place: number }[] = [];
    const results = read.map((found, place): RecordedAuditEvent => {
      const id = events[place]?.id ?? '';
      if (!found.ok) return { id, status: 'REFUSED', issues: found.issues };
      if (taken.has(found.event.id)) return { id, status: 'DUPLICATE', issues: [] };
      taken.add(found.event.id);
      fresh.push({ event: found.event, id, place });
      return { id, status: 'RECORDED', issues: [] };
    });
    if (fresh.length === 0) return results;

    return inTransaction(async ({ audit }) => {
      const outcome = [...results];
      for (const { event, id, place } of fresh) {
        const logged = audit.logEvent(event.type === 'audit.loss' ? externalLoss(caller, event) : externalEvent(caller, event));
        if (!logged.ok) outcome[place] = { id, status: 'REFUSED', issues: [{ path: [], message: logged.reason }] };
      }
      return outcome;
    });
  };
