import { within } from '../kernel/within.ts';
import type { Database } from './database.ts';
import { describeFailure } from './database-errors.ts';

/** A database that does not answer within this time counts as gone, because a health check does not wait longer. */
const patienceMs = 900;

/**
 * Asks whether the database answers: resolves to null if it does, else to the reason. Concurrent calls share one statement, so a
 * statement without an answer never takes a second connection.
 */
export const makeCheckDatabase = ({ prisma }: Pick<Database, 'prisma'>): (() => Promise<string | null>) => {
  let underWay: Promise<string | null> | null = null;
  const ask = async (): Promise<string | null> => {
    try {
      await prisma.$queryRaw`SELECT 1`;
      return null;
    } catch (error) {
      return describeFailure(error);
    }
  };
  return async () => {
    underWay ??= ask().finally(() => {
      underWay = null;
    });
    const asked = underWay;
    return (await within(patienceMs, asked)) ? asked : `no answer within ${patienceMs / 1000} s`;
  };
};
