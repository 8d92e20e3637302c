import type { Logger } from 'pino';
import type { EventDraft } from '../model/audit-event.ts';
import { type AuditLogger, notWrittenDown } from '../ports/audit-logger.ts';
import type { OutboxGate } from '../ports/outbox-gate.ts';

type Deps<Tx> = {
  /** Runs `work` in one transaction of the database, once. */
  runTransaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
  /**
   * Puts all the entries into the outbox, within the transaction. Returns false if the outbox took none of them. If it throws,
   * the transaction cannot go on.
   */
  emit: (tx: Tx, entries: readonly string[]) => Promise<boolean>;
  /** The id by which the transaction's fate can be looked up later. */
  transactionIdOf: (tx: Tx) => Promise<string>;
  /** Whether the database wants the same transaction again, for example after a deadlock. */
  isConflict: (error: unknown) => boolean;
  /** Turns a draft into its exact entry. Returns null if that is impossible; the event is then counted as lost. */
  toEntry: (draft: EventDraft) => string | null;
  gate: OutboxGate;
  /** Called after the commit of a transaction with events. */
  onCommitted: () => void;
  logger: Logger;
};

/**
 * Runs `work` in one transaction, together with the events that it logs: all of it is committed, or none. `work` can run more
 * than once.
 */
export type TransactionWithEvents<Tx> = <T>(work: (tx: Tx, audit: AuditLogger) => Promise<T>) => Promise<T>;

/** The audit function itself failed, which also ended the transaction. */
class EmitFailedError extends Error {}

const maxRuns = 5;

/**
 * Runs transactions that take their events along: before the commit, the events are in the outbox, or else in the spool. If the
 * outbox fails, the work does not: the transaction runs again, and its events are spooled.
 */
export const makeTransactionWithEvents = <Tx>(deps: Deps<Tx>): TransactionWithEvents<Tx> => {
  const { runTransaction, emit, transactionIdOf, isConflict, toEntry, gate, onCommitted, logger } = deps;

  const spool = async (tx: Tx, entries: readonly string[]) => gate.spool(entries, await transactionIdOf(tx));

  const emitOrSpool = async (tx: Tx, entries: readonly string[]) => {
    if (!gate.admits(entries)) return spool(tx, entries);
    const recorded = await emit(tx, entries).catch((cause) => {
      throw new EmitFailedError('audit_emit failed', { cause });
    });
    if (recorded) return;
    gate.close();
    await spool(tx, entries);
  };

  const run = <T>(work: (tx: Tx, audit: AuditLogger) => Promise<T>, record: typeof emitOrSpool) =>
    runTransaction(async (tx) => {
      const entries: string[] = [];
      const audit: AuditLogger = {
        logEvent: (draft) => {
          const entry = toEntry(draft);
          if (entry === null) return notWrittenDown;
          entries.push(entry);
          return { ok: true };
        },
      };
      const result = await work(tx, audit);
      if (entries.length > 0) await record(tx, entries);
      return { result, recorded: entries.length };
    });

  return async (work) => {
    let record = emitOrSpool;
    for (let runs = 1; ; runs++) {
      try {
        const { result, recorded } = await run(work, record);
        if (recorded > 0) onCommitted();
        return result;
      } catch (error) {
        if (error instanceof EmitFailedError && record === emitOrSpool) {
          logger.error({ err: error.cause }, 'audit_emit failed: the transaction runs again without it');
          gate.close();
          record = spool;
        } else if (!isConflict(error) || runs >= maxRuns) throw error;
      }
    }
  };
};
