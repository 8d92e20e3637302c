import type { Prisma } from '../generated/prisma/client.ts';
import type { Database } from './database.ts';
import type { Queryable } from './queryable.ts';

/** The longest time that a timer can have. */
const withoutLimitMs = 2 ** 31 - 1;

/** Runs `work` in one transaction that writes nothing, and in which all answers are of the same instant. */
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

/** Asks for rows; parameters are $1, $2 … */
export const queryOf =
  (prisma: Pick<Queryable, '$queryRawUnsafe'>) =>
  <Row>(sql: string, ...params: readonly unknown[]): Promise<Row[]> =>
    prisma.$queryRawUnsafe(sql, ...params);
