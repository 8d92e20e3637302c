import type { Logger } from 'pino';
import type { Clock, NewId, Random } from '../../kernel/clock.ts';
import { completeEvent, type EventDraft } from '../model/audit-event.ts';
import type { Disclose } from '../model/disclosure.ts';
import { maxEntryBytes, splitLines, toLines } from '../model/entry.ts';
import type { Spool, TransactionFate } from '../ports/spool.ts';
import { makeEventQueue } from './event-queue.ts';
import { makeOutboxGate } from './outbox-gate.ts';
import { makeSpoolReplay } from './spool-replay.ts';

type Deps = {
  spool: Spool;
  logId: string;
  /** Puts all the entries into the outbox. Returns false, or throws, if the outbox took none of them. */
  emit: (entries: readonly string[]) => Promise<boolean>;
  fatesOf: (transactionIds: readonly string[]) => Promise<Map<string, TransactionFate>>;
  /** Called when the outbox has new events. */
  onRecorded: () => void;
  clock: Clock;
  newId: NewId;
  disclose: Disclose;
  random: Random;
  /** The environment of events that do not name one. */
  defaultEnvironment: string;
  logger: Logger;
};

/**
 * The only way into the log for this process. It turns drafts into entries, which all pass the same gate: with a transaction (see
 * `transaction-with-events.ts`), through the event queue if there is no transaction, or back from the spool.
 */
export const makeEntryWriter = (deps: Deps) => {
  const { spool, logId, emit, fatesOf, onRecorded, clock, newId, disclose, random, defaultEnvironment, logger } = deps;

  /** Never throws: an event that cannot be written as an entry is counted as lost. */
  const toEntry = (draft: EventDraft, id?: string): string | null => {
    const now = clock.now();
    const ownId = id ?? newId(now);
    const refuse = (entry: string | null, reason: string, error?: unknown) => {
      logger.error({ err: error, eventType: draft.eventType, reason }, 'an audit event cannot enter the log: it is lost');
      spool.refuse(logId, { id: draft.id ?? ownId, eventType: draft.eventType, entry }, reason);
      return null;
    };
    try {
      const lines = toLines(completeEvent(draft, { id: ownId, now, defaultEnvironment }), disclose);
      return Buffer.byteLength(splitLines(lines).entry) > maxEntryBytes ? refuse(lines, 'entry_too_large') : lines;
    } catch (error) {
      return refuse(null, 'event could not be written down', error);
    }
  };

  const gate = makeOutboxGate({ spool, logId, onSpooled: () => replay.wake(), logger });
  const queue = makeEventQueue({ toEntry, record: emit, gate, onRecorded, logger });
  const replay = makeSpoolReplay({ spool, gate, logId, fatesOf, record: emit, toEntry, onRecorded, logger, random });

  return {
    /** Takes events that belong to no transaction. */
    audit: queue.audit,
    /** What transactions need to take their events along. */
    ofTransactions: {
      toEntry,
      gate,
      onCommitted: () => {
        onRecorded();
        // The spool may have been holding the transaction's events.
        if (!gate.isOpen()) replay.wake();
      },
    },
    start: () => {
      queue.start();
      replay.start();
    },
    /** Records the queued events, then stops. */
    stop: async () => {
      await queue.stop();
      await replay.stop();
    },
  };
};
