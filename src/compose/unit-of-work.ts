import type { Logger } from 'pino';
import type { ApiKeyTransaction } from '../api-keys/commands/api-key-store.ts';
import { makeApiKeyWriter } from '../api-keys/store/api-key-store.ts';
import type { EventDraft } from '../audit/model/audit-event.ts';
import { type LogResult, notWrittenDown } from '../audit/ports/audit-logger.ts';
import type { OutboxGate } from '../audit/ports/outbox-gate.ts';
import { currentTransactionId, emitEntries } from '../audit/store/outbox.ts';
import { isTransactionConflict } from '../database/database-errors.ts';
import type { SqlNow } from '../database/sql-now.ts';
import type { EnvironmentTransaction } from '../environments/commands/environment-store.ts';
import { makeEnvironmentWriter } from '../environments/store/environment-store.ts';
import type { FlagTransaction } from '../flags/commands/flag-store.ts';
import { makeFlagWriter } from '../flags/store/flag-store.ts';
import { makeFlagsOfEnvironments } from '../flags/store/flags-of-environments.ts';
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts';
import type { Clock } from '../kernel/clock.ts';
import type { InTransaction as InTransactionOf } from '../kernel/in-transaction.ts';
import type { ScheduleTransaction } from '../schedules/commands/schedule-store.ts';
import { makeScheduleWriter } from '../schedules/store/schedule-writer.ts';

/** What one transaction reaches: what the commands of every wing need. */
export type Transaction = ApiKeyTransaction & EnvironmentTransaction & FlagTransaction & ScheduleTransaction;
export type InTransaction = InTransactionOf<Transaction>;

type Deps = {
  prisma: PrismaClient;
  /** Turns a draft into the exact entry; null, counted as lost, where that cannot be done. */
  toEntry: (draft: EventDraft) => string | null;
  gate: OutboxGate;
  /** Called after a commit that brought events. */
  onCommitted: () => void;
  logger: Logger;
  /** In place of the database's clock, which schedules are planned and edited by. */
  clock?: Clock;
};

/** The audit function itself failed, and with it the transaction. */
class EmitFailedError extends Error {}

const maxWaitMs = 10_000;
const timeoutMs = 30_000;
const maxRuns = 5;

/** Transactions of the database, with the events that they log: in the outbox, or else in the spool before the commit. */
export const makeInTransaction = ({ prisma, toEntry, gate, onCommitted, logger, clock }: Deps): InTransaction => {
  const sqlNow: SqlNow = () =>
    clock ? Prisma.sql`${clock.now()}::timestamptz(3)` : Prisma.sql`clock_timestamp()::timestamptz(3)`;
  const emitOrSpool = async (tx: Prisma.TransactionClient, entries: readonly string[]) => {
    if (!gate.admits(entries)) return spoolInstead(tx, entries);
    const recorded = await emitEntries(tx, entries).catch((cause) => {
      throw new EmitFailedError('audit_emit failed', { cause });
    });
    if (recorded) return;
    gate.close();
    await spoolInstead(tx, entries);
  };

  const spoolInstead = async (tx: Prisma.TransactionClient, entries: readonly string[]) =>
    gate.spool(entries, await currentTransactionId(tx));

  const run = <T>(work: (transaction: Transaction) => Promise<T>, record: typeof emitOrSpool) =>
    prisma.$transaction(
      async (tx) => {
        const entries: string[] = [];
        const logEvent = (draft: EventDraft): LogResult => {
          const entry = toEntry(draft);
          if (entry === null) return notWrittenDown;
          entries.push(entry);
          return { ok: true };
        };
        const result = await work({
          flags: makeFlagWriter(tx, sqlNow),
          environments: makeEnvironmentWriter(tx),
          flagsOfEnvironments: makeFlagsOfEnvironments(tx),
          schedules: makeScheduleWriter(tx, sqlNow),
          apiKeys: makeApiKeyWriter(tx),
          audit: { logEvent },
        });
        if (entries.length > 0) await record(tx, entries);
        return { result, recorded: entries.length };
      },
      { maxWait: maxWaitMs, timeout: timeoutMs },
    );

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
          record = spoolInstead;
        } else if (!isTransactionConflict(error) || runs >= maxRuns) throw error;
      }
    }
  };
};
