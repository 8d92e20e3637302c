import type { Logger } from 'pino';
import type { OutboxGate } from '../ports/outbox-gate.ts';
import type { Spool } from '../ports/spool.ts';
import { subjectOf } from './event-subject.ts';

type Deps = {
  spool: Spool;
  logId: string;
  /** Called when the spool has new events that depend on no transaction, so that they can be recorded at once. */
  onSpooled: () => void;
  logger: Logger;
};

/**
 * - `open`: events go to the outbox.
 * - `closed`: the outbox takes nothing, or nobody knows yet whether it does. Every event goes to the spool, which costs one write
 *   to the disk, so that no operation waits until the database's lock_timeout gives up. Only the replay tries the outbox.
 * - `draining`: the outbox takes events again, and few are left in the spool. Events whose subject still has events in the spool
 *   are spooled behind them; all others go to the outbox. In this way the spool runs empty under load, too.
 *
 * Transitions:
 * - start: `closed` if the spool holds events, for example those of a process that was killed; else `open`.
 * - `open` or `draining` → `closed`: the outbox did not take an event. Also `open` → `closed`: the spool holds events, because
 *   they were on their way there when the gate opened, or because a process with the same DATA_DIR put them there.
 * - `closed` → `draining` → `open`: a pass over the spool found that the outbox takes events, and left few of them, or none.
 *
 * This keeps the events of one subject in order: a second change of the same rows waits for the commit of the first, and by then
 * the events of the first are in the outbox or in the spool. The order holds within one process, and for the next process with
 * the same DATA_DIR. A process with another DATA_DIR does not know what waits here, so its later event of the same subject can
 * enter the log earlier.
 */
type State = { name: 'open' } | { name: 'closed' } | { name: 'draining'; subjects: Set<string>; hasAdmitted: boolean };

const maxLeftToDrain = 500;

/** The gate of one process; the replay opens it by `startPass` and `endPass`. */
export const makeOutboxGate = ({ spool, logId, onSpooled, logger }: Deps) => {
  let state: State = spool.read(logId, 1).length > 0 ? { name: 'closed' } : { name: 'open' };

  const gate: OutboxGate = {
    admits: (entries) => {
      if (state.name !== 'draining') return state.name === 'open';
      const { subjects } = state;
      const admits = !entries.some((entry) => subjects.has(subjectOf(entry)));
      state.hasAdmitted ||= admits;
      return admits;
    },
    close: () => {
      if (state.name === 'open') logger.error('the audit outbox takes no events: they are spooled, and recorded later');
      state = { name: 'closed' };
    },
    spool: (entries, transactionId) => {
      const lost = spool.add(entries.map((entry) => ({ entry, logId, transactionId })));
      if (lost > 0) logger.error({ events: entries.length, lost }, 'the spool had no room for audit events: they are lost');
      if (state.name === 'open') state = { name: 'closed' };
      else if (state.name === 'draining') for (const entry of entries) state.subjects.add(subjectOf(entry));
      if (transactionId === null) onSpooled();
    },
  };
  return {
    ...gate,
    isOpen: () => state.name === 'open',
    /**
     * The spool holds events, so new ones must go behind them. Returns whether the outbox has taken others since the last pass.
     */
    startPass: (): boolean => {
      if (state.name === 'open') state = { name: 'closed' };
      return state.name === 'draining' && state.hasAdmitted;
    },
    /** The outbox takes events again: opens the gate as far as the events that are left in the spool allow. */
    endPass: () => {
      const left = spool.read(logId, maxLeftToDrain + 1);
      if (left.length === 0) state = { name: 'open' };
      else if (left.length > maxLeftToDrain) state = { name: 'closed' };
      else state = { name: 'draining', subjects: new Set(left.map(({ entry }) => subjectOf(entry))), hasAdmitted: false };
    },
  };
};

/** The gate as the replay uses it. Only the replay opens it. */
export type ReplayedGate = ReturnType<typeof makeOutboxGate>;
