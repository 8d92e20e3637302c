import { setImmediate as breathe } from 'node:timers/promises';
import type { Database } from '../database/database.ts';
import { shareConnections } from '../database/open-database.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { requestScope } from '../http/request-scope.ts';
import { type FairQueue, makeFairQueue, shareOfPlaces } from '../kernel/limits/fair-queue.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { InTransaction } from './unit-of-work.ts';

/** GraphQL operations that run at a time. Each may read on several connections, so they are more than those. */
const operationsAtOnce = 64;
/** Events of replays that are handled in one turn of the event loop, so that whatever else there is to do comes in between. */
const replayedAtOnce = 4;
const bounds = {
  // A service whose every socket asks for something at once, as after a restart, has some thousands.
  operations: {
    maxWaitingPerCaller: 2_500,
    maxWaiting: 5_000,
    // Of requests, which are held meanwhile: an honest one has a kilobyte or a few, and none more than one mebibyte.
    maxWaitingBytesPerCaller: 64 * 2 ** 20,
    maxWaitingBytes: 256 * 2 ** 20,
  },
  statements: { maxWaitingPerCaller: 10_000, maxWaiting: 50_000 },
} as const;
type Bounds = Pick<
  Parameters<typeof makeFairQueue>[0],
  'maxWaitingPerCaller' | 'maxWaiting' | 'maxWaitingBytesPerCaller' | 'maxWaitingBytes'
>;
const unbounded = { maxWaitingPerCaller: Number.POSITIVE_INFINITY, maxWaiting: Number.POSITIVE_INFINITY };

/** Everybody's fair share: of what runs at a time, and of the database's connections. Whose share it is, the request's scope says. */
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

  /** What nobody asked for, such as the live tail, waits for nobody. */
  const inTurn = <Result>(queue: FairQueue, work: () => Promise<Result>): Promise<Result> => {
    const scope = requestScope.getStore();
    if (!scope) return work();
    if (!isEmbedded) return queue.run(scope.share, work);
    // It answers without ever going back to the event loop: somebody's next request could not even be read.
    return queue.run(scope.share, () => work().finally(breathe));
  };
  /**
   * The same database, whose statements take turns one by one. Not for `$transaction`, whose first statement would hold the place
   * that its second one waits for.
   */
  const inTurns = <Of extends Database>(database: Of, queue: FairQueue): Of => {
    const prisma = database.prisma.$extends({
      query: { $allOperations: ({ args, query }) => inTurn(queue, () => query(args)) },
    });
    return { ...database, prisma: prisma as unknown as PrismaClient };
  };
  return {
    queries: queueFor('queries', operationsAtOnce, bounds.operations),
    mutations: queueFor('mutations', operationsAtOnce, bounds.operations),
    /** For what callers read. */
    reading: <Of extends Database>(reads: Of): Of => inTurns(reads, statements),
    /** For what reads in several statements that belong together, on the database itself: they have one turn. */
    readingAtOnce: <Result>(work: () => Promise<Result>): Promise<Result> => inTurn(statements, work),
    /** For finding out who calls, on the connections for changes: strangers with keys that nobody has take turns, too. */
    identifying: <Of extends Database>(writes: Of): Of => inTurns(writes, transactions),
    /** For what callers change; a transaction that runs again keeps its place. */
    changing:
      (inTransaction: InTransaction): InTransaction =>
      (work) =>
        inTurn(transactions, () => inTransaction(work)),
    /** Waits until an event of a replay may be handled. */
    takeReplayTurn: async (): Promise<void> => {
      const leave = await replayed.enter(requestScope.getStore()?.share ?? '');
      setImmediate(leave);
    },
  };
};
