import { setImmediate as nextTurn } from 'node:timers/promises';
import { within } from '../kernel/within.ts';
import type { Database } from './database.ts';

/** A server that does not say within this time what it is doing is gone. */
const answerWithinMs = 1000;

/**
 * Asks the server whether a backend is working on a statement, which includes waiting for a lock. A backend that waits for its
 * client to send or to read is not, nor is one that is gone: then the connection to it is dead.
 */
export const makeIsAtWork =
  ({ prisma }: Pick<Database, 'prisma'>) =>
  async (backendPid: number): Promise<boolean> => {
    const asked = prisma.$queryRaw<unknown[]>`
      SELECT 1 FROM pg_stat_activity
      WHERE pid = ${backendPid}::int AND (state IS NULL OR state NOT LIKE 'idle%')
        AND coalesce(wait_event, '') NOT IN ('ClientRead', 'ClientWrite')`;
    if (await within(answerWithinMs, asked)) return (await asked).length > 0;
    // Maybe this process stood still, so what has arrived meanwhile is handled first.
    await nextTurn();
    return (await within(0, asked)) && (await asked).length > 0;
  };
