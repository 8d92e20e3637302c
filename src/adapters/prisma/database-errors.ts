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

/**
 * The database refused what was asked of it, for good: a constraint, a trigger of somebody's, a value out of range. What passes
 * by itself is no refusal: connections (08), aborted transactions (25), conflicts (40), resources (53), locks (55), an operator's
 * doing (57), the system (58).
 */
export const isRefusal = (error: unknown): boolean => /^(?!08|25|40|53|55|57|58)/.test(sqlStateOf(error) ?? '08000');

/** What the database itself said, without what Prisma writes around it. */
export const databaseMessageOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return /Message: `(.*)`/s.exec(message)?.[1] ?? message.trim();
};
