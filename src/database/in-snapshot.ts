import type { Database } from './database.ts';

/** Asks for rows; parameters are $1, $2 … */
type Query = <Row>(sql: string, ...params: readonly unknown[]) => Promise<Row[]>;

/** The longest time that a timer can have. */
const withoutLimitMs = 2 ** 31 - 1;

/** Runs `work` in one transaction that writes nothing, and in which all answers are of the same instant. */
export const inSnapshot = <Result>(
  { prisma }: Pick<Database, 'prisma'>,
  work: (query: Query) => Promise<Result>,
): Promise<Result> =>
  prisma.$transaction(
    async (tx) => {
      await tx.$executeRawUnsafe('SET TRANSACTION READ ONLY');
      return work((sql, ...params) => tx.$queryRawUnsafe(sql, ...params));
    },
    { isolationLevel: 'RepeatableRead', maxWait: 10_000, timeout: withoutLimitMs },
  );
