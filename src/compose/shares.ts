import { setImmediate as breathe } from 'node:timers/promises';
import type { Database } from '../database/database.ts';
import { shareConnections } from '../database/open-database.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { requestScope } from '../http/request-scope.ts';
import { type FairQueue, makeFairQueue, shareOfPlaces } from '../kernel/limits/fair-queue.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { InTransaction } from './unit-of-work.ts';

/** How many GraphQL operations run at a time. More than there are connections, because one operation can read on several. */
const operationsAtOnce = 64;
/** How many reads of a public log run at a time for strangers, who have connections to it in common with callers. */
const strangersReadsAtOnce = 8;
/** How many replayed events one turn of the event loop handles, so that other work gets its turn. */
const replayedAtOnce = 4;
const bounds = {
  // After a restart, every socket of a service sends an operation at the same time: some thousands.
  operations: {
    maxWaitingPerCaller: 2_500,
    maxWaiting: 5_000,
    // Waiting requests stay in memory. A normal one takes a few kilobytes, the largest one mebibyte.
    maxWaitingBytesPerCaller: 64 * 2 ** 20,
    maxWaitingBytes: 256 * 2 ** 20,
  },
  strangersReads: { maxWaitingPerCaller: 200, maxWaiting: 1_000 },
  statements: { maxWaitingPerCaller: 10_000, maxWaiting: 50_000 },
} as const;
type Bounds = Pick<
  Parameters<typeof makeFairQueue>[0],
  'maxWaitingPerCaller' | 'maxWaiting' | 'maxWaitingBytesPerCaller' | 'maxWaitingBytes'
>;
const unbounded = { maxWaitingPerCaller: Number.POSITIVE_INFINITY, maxWaiting: Number.POSITIVE_INFINITY };

/** Shares running operations and database connections fairly among callers. The request's scope names the caller. */
export const composeShares = (
  database: Pick<Database, 'kind'>,
  { connections, onRefused }: { connections: number; onRefused: OnRefused },
) => {
  const queueFor = (what: string, places: number, limits: Bounds) =>
    makeFairQueue({ what, places, share: shareOfPlaces(places), ...limits, onRefused: () => onRefused('share') });
  const own = shareConnections(connections);
  const isEmbedded = database.kind === 'pglite';
  const statements = queueFor('reads', isEmbedded ? 1 : own.reads, bounds.statements);
  // The embedded database has one connection for everything.
  const transactions = isEmbedded ? statements : queueFor('changes', own.commands, bounds.statements);
  const replayed = queueFor('events', replayedAtOnce, unbounded);

  /** Work without a caller, such as the live tail, does not queue. */
  const queued = <Result>(queue: FairQueue, work: () => Promise<Result>): Promise<Result> => {
    const scope = requestScope.getStore();
    if (!scope) return work();
    if (!isEmbedded) return queue.run(scope.share, work);
    // The embedded database answers without returning to the event loop, so other requests could not even be read.
    return queue.run(scope.share, () => work().finally(breathe));
  };
  /**
   * The same database, but each statement queues. Not for `$transaction`: its first statement would hold the place that its
   * second one waits for.
   */
  const queueStatements = <Of extends Database>(database: Of, queue: FairQueue): Of => {
    const prisma = database.prisma.$extends({
      query: { $allOperations: ({ args, query }) => queued(queue, () => query(args)) },
    });
    return { ...database, prisma: prisma as unknown as PrismaClient };
  };
  return {
    queries: queueFor('queries', operationsAtOnce, bounds.operations),
    mutations: queueFor('mutations', operationsAtOnce, bounds.operations),
    /** For strangers who read a public log. */
    strangersReads: queueFor('reads of the log', strangersReadsAtOnce, bounds.strangersReads),
    /** For callers' reads. */
    reading: <Of extends Database>(reads: Of): Of => queueStatements(reads, statements),
    /** For reads of several statements that belong together: they take one turn. */
    readingAtOnce: <Result>(work: () => Promise<Result>): Promise<Result> => queued(statements, work),
    /** For authentication, on the connections for changes. Strangers queue here, too. */
    identifying: <Of extends Database>(writes: Of): Of => queueStatements(writes, transactions),
    /** For callers' changes. A transaction that is run again keeps its place. */
    changing:
      (inTransaction: InTransaction): InTransaction =>
      (work) =>
        queued(transactions, () => inTransaction(work)),
    /** Waits for the turn to handle one replayed event. */
    takeReplayTurn: async (): Promise<void> => {
      const leave = await replayed.enter(requestScope.getStore()?.share ?? '');
      setImmediate(leave);
    },
  };
};
