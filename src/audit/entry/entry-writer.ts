import type { Logger } from 'pino';
import type { Clock, NewId, Random } from '../../kernel/clock.ts';
import { completeEvent, type EventDraft, toEntry as formEntry } from '../model/audit-event.ts';
import type { Spool, TransactionFate } from '../ports/spool.ts';
import { makeEventQueue } from './event-queue.ts';
import { makeOutboxGate } from './outbox-gate.ts';
import { makeSpoolReplay } from './spool-replay.ts';

type Deps = {
  spool: Spool;
  logId: string;
  /** Puts entries into the outbox; false, or a throw, where it took none of them. */
  emit: (entries: readonly string[]) => Promise<boolean>;
  fatesOf: (transactionIds: readonly string[]) => Promise<Map<string, TransactionFate>>;
  /** Called when the outbox has new events. */
  onRecorded: () => void;
  clock: Clock;
  newId: NewId;
  random: Random;
  /** The environment of events that name none. */
  defaultEnvironment: string;
  logger: Logger;
};

/**
 * A process's one way into the log. It turns drafts into entries, and takes them by one of three ways, past the same gate:
 * with a transaction (see `transaction-with-events.ts`), through the queue where there is none, and back from the spool.
 */
export const makeEntryWriter = (deps: Deps) => {
  const { spool, logId, emit, fatesOf, onRecorded, clock, newId, random, defaultEnvironment, logger } = deps;

  /** Never throws: an event without a form as an entry is counted as lost. */
  const toEntry = (draft: EventDraft, id?: string): string | null => {
    try {
      const now = clock.now();
      return formEntry(completeEvent(draft, { id: id ?? newId(now), now, defaultEnvironment }));
    } catch (error) {
      logger.error({ err: error, eventType: draft.eventType }, 'an audit event could not be written down: it is lost');
      spool.addLoss(logId, 'event could not be written down', 1);
      return null;
    }
  };

  const gate = makeOutboxGate({ spool, logId, onSpooled: () => replay.wake(), logger });
  const queue = makeEventQueue({ toEntry, record: emit, gate, onRecorded, logger });
  const replay = makeSpoolReplay({ spool, gate, logId, fatesOf, record: emit, toEntry, onRecorded, logger, random });

  return {
    /** Takes in events that belong to no transaction. */
    audit: queue.audit,
    /** What transactions need to take their events along. */
    ofTransactions: {
      toEntry,
      gate,
      onCommitted: () => {
        onRecorded();
        // Perhaps the spool has held its events until now.
        if (!gate.isOpen()) replay.wake();
      },
    },
    start: () => {
      queue.start();
      replay.start();
    },
    /** Writes down what is queued, then stops. */
    stop: async () => {
      await queue.stop();
      await replay.stop();
    },
  };
};
