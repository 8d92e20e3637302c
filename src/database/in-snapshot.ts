import type { Prisma } from '../generated/prisma/client.ts';
import type { Database } from './database.ts';

/** The longest time that a timer can have. */
const withoutLimitMs = 2 ** 31 - 1;

/** As `readSnapshot`, for stores. */
export const inSnapshot = <Result>(
  { prisma }: Pick<Database, 'prisma'>,
  work: (tx: Prisma.TransactionClient) => Promise<Result>,
): Promise<Result> =>
  prisma.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe('SET TRANSACTION READ ONLY');
      return work(tx);
    },
    { isolationLevel: 'RepeatableRead', maxWait: 10_000, timeout: withoutLimitMs },
  );
