import { Prisma } from '../../generated/prisma/client.ts';

/** The SQLSTATE of a failed statement, where the error comes from the database. */
export const sqlStateOf = (error: unknown): string | null => {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return null;
  if (error.code === 'P2034') return '40001';
  const match = /Code: `([0-9A-Z]{5})`/.exec(error.message);
  return match?.[1] ?? null;
};

/** The transaction lost a race (serialization failure, deadlock): running it again is the cure. */
export const isTransactionConflict = (error: unknown): boolean => ['40001', '40P01'].includes(sqlStateOf(error) ?? '');

/** The values were refused: classes 22 (data), 23 (constraints), P0 (raised by PL/pgSQL). */
export const isDataError = (error: unknown): boolean => /^(22|23|P0)/.test(sqlStateOf(error) ?? '');

/** What the database itself said, without what Prisma writes around it. */
export const databaseMessageOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return /Message: `(.*)`/s.exec(message)?.[1] ?? message.trim();
};
