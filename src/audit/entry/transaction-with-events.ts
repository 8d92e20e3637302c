import type { Logger } from 'pino';
import type { EventDraft } from '../model/audit-event.ts';
import { type AuditLogger, notWrittenDown } from '../ports/audit-logger.ts';
import type { OutboxGate } from '../ports/outbox-gate.ts';

type Deps<Tx> = {
  /** Runs the work in one transaction of the database, once. */
  runTransaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
  /** Puts entries into the outbox, within the transaction; false where it took none of them. A throw ends the transaction. */
  emit: (tx: Tx, entries: readonly string[]) => Promise<boolean>;
  /** The id by which the transaction's fate can be asked for later. */
  transactionIdOf: (tx: Tx) => Promise<string>;
  /** Whether the database asks for the same transaction again, as after a deadlock. */
  isConflict: (error: unknown) => boolean;
  /** Turns a draft into the exact entry; null, counted as lost, where that cannot be done. */
  toEntry: (draft: EventDraft) => string | null;
  gate: OutboxGate;
  /** Called after a commit that brought events. */
  onCommitted: () => void;
  logger: Logger;
};

/** Runs work in one transaction, with the events that it logs: all of it is committed, or nothing. The work may run more than once. */
export type TransactionWithEvents<Tx> = <T>(work: (tx: Tx, audit: AuditLogger) => Promise<T>) => Promise<T>;

/** The audit function itself failed, and with it the transaction. */
class EmitFailedError extends Error {}

const maxRuns = 5;

/**
 * Transactions that take their events along: they are in the outbox, or else in the spool, before the commit. An outbox that
 * fails never fails the work: the transaction runs again, and its events are spooled.
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
