import type { Logger } from 'pino';
import type { ApiKeyTransaction } from '../api-keys/commands/api-key-store.ts';
import { makeApiKeyWriter } from '../api-keys/store/api-key-store.ts';
import { makeTransactionWithEvents } from '../audit/entry/transaction-with-events.ts';
import type { EventDraft } from '../audit/model/audit-event.ts';
import type { ErasureTransaction } from '../audit/ports/erasures.ts';
import type { OutboxGate } from '../audit/ports/outbox-gate.ts';
import type { PruningTransaction } from '../audit/ports/pruning.ts';
import { makeErasures } from '../audit/store/erasures.ts';
import { currentTransactionId, emitEntries } from '../audit/store/outbox.ts';
import { makePruneTo } from '../audit/store/pruning.ts';
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
import type { LogHeadTransaction } from '../transparency/commands/log-head-store.ts';
import { makeLogHeadWriter } from '../transparency/store/log-head-store.ts';

/** What the commands of all wings use inside one transaction. */
export type Transaction = ApiKeyTransaction &
  EnvironmentTransaction &
  FlagTransaction &
  ScheduleTransaction &
  ErasureTransaction &
  PruningTransaction &
  LogHeadTransaction;
export type InTransaction = InTransactionOf<Transaction>;

type Deps = {
  prisma: PrismaClient;
  /** Turns a draft into its entry. If that fails, counts a loss and returns null. */
  toEntry: (draft: EventDraft) => string | null;
  gate: OutboxGate;
  /** Called after a commit with events. */
  onCommitted: () => void;
  logger: Logger;
  /** Replaces the database's clock, by which schedules are planned and edited. */
  clock?: Clock;
};

const limits = { maxWait: 10_000, timeout: 30_000 };

/** Runs transactions with what each wing writes and the events that they log. */
export const makeInTransaction = ({ prisma, toEntry, gate, onCommitted, logger, clock }: Deps): InTransaction => {
  const sqlNow: SqlNow = () =>
    clock ? Prisma.sql`${clock.now()}::timestamptz(3)` : Prisma.sql`clock_timestamp()::timestamptz(3)`;
  const withEvents = makeTransactionWithEvents<Prisma.TransactionClient>({
    runTransaction: (work) => prisma.$transaction(work, limits),
    emit: emitEntries,
    transactionIdOf: currentTransactionId,
    isConflict: isTransactionConflict,
    toEntry,
    gate,
    onCommitted,
    logger,
  });
  return (work) =>
    withEvents((tx, audit) =>
      work({
        flags: makeFlagWriter(tx, sqlNow),
        environments: makeEnvironmentWriter(tx),
        flagsOfEnvironments: makeFlagsOfEnvironments(tx),
        schedules: makeScheduleWriter(tx, sqlNow),
        apiKeys: makeApiKeyWriter(tx),
        erasures: makeErasures(tx),
        pruneTo: makePruneTo(tx),
        logHead: makeLogHeadWriter(tx),
        audit,
      }),
    );
};
