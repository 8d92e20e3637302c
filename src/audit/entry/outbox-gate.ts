import type { Logger } from 'pino';
import type { OutboxGate } from '../ports/outbox-gate.ts';
import type { Spool } from '../ports/spool.ts';
import { subjectOf } from './event-subject.ts';

type Deps = {
  spool: Spool;
  logId: string;
  /** Called when the spool got events that no transaction holds back: they can be recorded at once. */
  onSpooled: () => void;
  logger: Logger;
};

/**
 * - `open`: events go to the outbox.
 * - `closed`: the outbox takes nothing, or nobody knows yet whether it does. Every event goes to the spool, at the cost of a
 *   write to the disk: none waits until the database's lock_timeout gives up. The replay alone tries the outbox.
 * - `draining`: the outbox takes events again, and few are left in the spool. Events of subjects that still wait there are
 *   spooled behind them; all others go to the outbox. So the spool runs empty under load, too.
 *
 * Transitions:
 * - start: `closed` if the spool holds events, such as those of a process that was killed; else `open`.
 * - `open` or `draining` → `closed`: the outbox did not take an event. `open` → `closed` also where events are in the spool,
 *   because they were on their way there when the gate opened, or because a process with the same DATA_DIR put them there.
 * - `closed` → `draining` → `open`: a pass over the spool found that the outbox takes events, and left few of them, or none.
 *
 * This keeps the events of one subject in order, because whoever changes the same rows second goes on only after the first
 * one's commit, and by then the first one's events are in the outbox or in the spool. It holds within one process, and for
 * the next one with the same DATA_DIR. Another process knows nothing of what waits here: its later event of the same subject
 * may come into the log earlier.
 */
type State = { name: 'open' } | { name: 'closed' } | { name: 'draining'; subjects: Set<string>; hasAdmitted: boolean };

const mostLeft = 500;

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
      if (lost > 0) logger.error({ events: entries.length, lost }, 'audit events found no room in the spool: they are lost');
      if (state.name === 'open') state = { name: 'closed' };
      else if (state.name === 'draining') for (const entry of entries) state.subjects.add(subjectOf(entry));
      if (transactionId === null) onSpooled();
    },
  };
  return {
    ...gate,
    isOpen: () => state.name === 'open',
    /** The spool holds events: new ones go behind them. True: the outbox has taken others since the last pass. */
    startPass: (): boolean => {
      if (state.name === 'open') state = { name: 'closed' };
      return state.name === 'draining' && state.hasAdmitted;
    },
    /** The outbox takes events: opens as far as what is left in the spool allows. */
    endPass: () => {
      const left = spool.read(logId, mostLeft + 1);
      if (left.length === 0) state = { name: 'open' };
      else if (left.length > mostLeft) state = { name: 'closed' };
      else state = { name: 'draining', subjects: new Set(left.map(({ entry }) => subjectOf(entry))), hasAdmitted: false };
    },
  };
};

/** The gate as the replay sees it, who alone opens it. */
export type ReplayedGate = ReturnType<typeof makeOutboxGate>;
