import { setImmediate as nextTurn } from 'node:timers/promises';
import { within } from '../kernel/within.ts';
import type { Database } from './database.ts';

/** A server that does not say within this time what it is doing is gone. */
const answerWithinMs = 1000;

/**
 * Asks the server whether a backend is at work on a statement, waits for a lock included. One that waits for its client, or for
 * its client to take what it sends, is not, nor is one that is gone: then the connection to it is dead.
 */
export const makeIsAtWork =
  ({ prisma }: Pick<Database, 'prisma'>) =>
  async (backendPid: number): Promise<boolean> => {
    const asked = prisma.$queryRaw<unknown[]>`
      SELECT 1 FROM pg_stat_activity
      WHERE pid = ${backendPid}::int AND (state IS NULL OR state NOT LIKE 'idle%')
        AND coalesce(wait_event, '') NOT IN ('ClientRead', 'ClientWrite')`;
    if (await within(answerWithinMs, asked)) return (await asked).length > 0;
    // Perhaps it was this process that stood still: what came in meanwhile is heard first.
    await nextTurn();
    return (await within(0, asked)) && (await asked).length > 0;
  };
