import { Prisma } from '../generated/prisma/client.ts';
import { DatabaseUnavailableError } from '../kernel/database-unavailable.ts';
import { describeError } from '../kernel/describe-error.ts';

/**
 * The connection failed, not the statement. pg's own errors have neither a code nor a class that says so; see
 * postgres-adapter.ts.
 */
export class ConnectionFailedError extends Error {
  override readonly name = 'ConnectionFailedError';
}

/** What Prisma's driver adapters say about an error: its kind, and what the database itself said. */
type DriverCause = { kind?: string; originalCode?: string; originalMessage?: string; host?: string; port?: number };

const driverCauseOf = (error: unknown): DriverCause | null => {
  if (error instanceof Prisma.PrismaClientKnownRequestError) {
    return driverCauseOf(error.meta?.driverAdapterError) ?? null;
  }
  // Checked by name, because the class belongs to a dependency of the adapters.
  const isDriverError = error instanceof Object && 'name' in error && error.name === 'DriverAdapterError' && 'cause' in error;
  return isDriverError ? (error.cause as DriverCause) : null;
};

const prismaCodeOf = (error: unknown): string | null => {
  if (error instanceof Prisma.PrismaClientKnownRequestError) return error.code;
  if (error instanceof Prisma.PrismaClientInitializationError) return error.errorCode ?? 'P1001';
  return null;
};

/** The SQLSTATE of a failed statement, or null if the error does not come from the database. */
export const sqlStateOf = (error: unknown): string | null => {
  const cause = driverCauseOf(error);
  if (cause?.originalCode) return cause.originalCode;
  return prismaCodeOf(error) === 'P2034' || cause?.kind === 'TransactionWriteConflict' ? '40001' : null;
};

/** Whether the transaction lost a race (serialization failure, deadlock) and should run again. */
export const isTransactionConflict = (error: unknown): boolean => ['40001', '40P01'].includes(sqlStateOf(error) ?? '');

/**
 * Whether the database refused a statement for good: a constraint, somebody's trigger, a value out of range. Problems that pass
 * are not refusals: connections (08), aborted transactions (25), conflicts (40), resources (53), locks (55), operator
 * intervention (57), the system (58).
 */
export const isRefusal = (error: unknown): boolean => /^(?!08|25|40|53|55|57|58)/.test(sqlStateOf(error) ?? '08000');

/** The server cannot be reached, or refuses the login: a wrong password may be one that is just being changed. */
const unavailableKinds: ReadonlySet<string | undefined> = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
  'DatabaseDoesNotExist',
  'DatabaseAccessDenied',
  'AuthenticationFailed',
]);
/**
 * Connections, resources, operator intervention (except 57014, a statement that took too long), a standby that takes no writes, a
 * transaction that idled for too long because this process stood still, a lock that somebody holds.
 */
const unavailableStates = /^(08...|53...|57P..|25006|25P03|55P03)$/;
/** Not reached, timed out, closed, no free connection in the pool, too many connections. */
const unavailableCodes: ReadonlySet<string | null> = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037']);
/**
 * P2028 stands for any problem with a transaction. Only Prisma's text says which one; here, that no connection became free in
 * time.
 */
const isUnstarted = (error: unknown): boolean =>
  prismaCodeOf(error) === 'P2028' && error instanceof Error && error.message.includes('Unable to start a transaction');

/** Maps an error to a DatabaseUnavailableError if it means that the database is unavailable, else to null. */
export const toUnavailable = (error: unknown): DatabaseUnavailableError | null => {
  if (error instanceof DatabaseUnavailableError) return error;
  const cause = driverCauseOf(error);
  const isUnavailable =
    error instanceof ConnectionFailedError ||
    unavailableKinds.has(cause?.kind) ||
    unavailableStates.test(cause?.originalCode ?? '') ||
    unavailableCodes.has(prismaCodeOf(error)) ||
    isUnstarted(error);
  return isUnavailable ? new DatabaseUnavailableError(describeFailure(error), error) : null;
};

/** What the database itself said, without Prisma's text around it. */
export const databaseMessageOf = (error: unknown): string => describeFailure(error);

/** Any error on one line, never empty: the database's errors in its own words, without Prisma's text around them. */
export const describeFailure = (error: unknown): string => {
  const cause = driverCauseOf(error);
  if (cause?.originalMessage) return cause.originalMessage;
  if (cause?.kind === 'DatabaseNotReachable') return `the database at ${addressOf(cause)} cannot be reached`;
  if (cause?.kind === 'ConnectionClosed') return 'the database closed the connection';
  if (cause?.kind === 'SocketTimeout') return 'the connection to the database timed out';
  if (error instanceof Prisma.PrismaClientKnownRequestError) return lastLineOf(error.message) ?? `Prisma's error ${error.code}`;
  if (error instanceof ConnectionFailedError) return error.message;
  return describeError(error);
};

const addressOf = ({ host, port }: DriverCause): string =>
  host === undefined ? 'its address' : port === undefined ? host : `${host}:${port}`;

/** Prisma's messages begin with an empty line and the call; the problem comes last. */
const lastLineOf = (message: string): string | null => message.trim().split('\n').at(-1)?.trim() || null;
