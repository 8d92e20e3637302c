import type { Logger } from 'pino';
import { makeLoop } from '../../kernel/loop.ts';
import type { EventDraft } from '../model/audit-event.ts';
import { type AuditLogger, notWrittenDown } from '../ports/audit-logger.ts';
import type { OutboxGate } from '../ports/outbox-gate.ts';

type Deps = {
  /** Turns a draft into its exact entry. Returns null if that is impossible; the event is then counted as lost. */
  toEntry: (draft: EventDraft) => string | null;
  /** Puts all the entries into the outbox. Returns false, or throws, if the outbox took none of them. */
  record: (entries: readonly string[]) => Promise<boolean>;
  gate: OutboxGate;
  /** Called when the outbox has new events. */
  onRecorded: () => void;
  logger: Logger;
  maxQueued?: number;
};

const batchSize = 500;
const pollMs = 1000;

/**
 * Takes events that belong to no transaction, such as a refused operation; the caller does not wait. Events are recorded in
 * batches. Those that the outbox does not take, or for which the queue has no room, go to the spool.
 */
export const makeEventQueue = ({ toEntry, record, gate, onRecorded, logger, maxQueued = 10_000 }: Deps) => {
  let queue: string[] = [];

  const flush = async () => {
    const entries = queue.slice(0, batchSize);
    if (entries.length === 0) return false;
    const isAdmitted = gate.admits(entries);
    const recorded = isAdmitted && (await tryToRecord(entries));
    // The queue overflowed meanwhile, so these events are in the spool. If they are recorded from there, too, the log drops the
    // duplicates.
    if (queue[0] !== entries[0]) return queue.length > 0;
    queue = queue.slice(entries.length);
    if (recorded) onRecorded();
    else gate.spool(entries, null);
    return queue.length > 0;
  };
  const tryToRecord = async (entries: readonly string[]) => {
    const recorded = await record(entries).catch((error) => {
      logger.error({ err: error }, 'the audit outbox cannot be reached');
      return false;
    });
    if (!recorded) gate.close();
    return recorded;
  };
  const loop = makeLoop({
    work: flush,
    pollMs,
    onError: (error) => {
      logger.error({ err: error }, 'the event queue failed');
      return undefined;
    },
  });
  const audit: AuditLogger = {
    logEvent: (draft) => {
      const entry = toEntry(draft);
      if (entry === null) return notWrittenDown;
      queue.push(entry);
      if (queue.length > maxQueued) {
        gate.spool(queue, null);
        queue = [];
      }
      loop.wake();
      return { ok: true };
    },
  };
  return {
    audit,
    start: loop.start,
    /** Records the queued events, then stops. */
    stop: async () => {
      await loop.stop();
      while (await flush());
    },
  };
};
