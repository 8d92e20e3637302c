import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { describeError } from '../kernel/describe-error.ts';
import { ConnectionFailedError } from './database-errors.ts';

/**
 * PostgreSQL for Prisma, with errors that tell lost connections from our own mistakes. What the server says becomes a
 * DriverAdapterError. What pg itself says about a connection (terminated, not queryable, no answer in time, no free connection)
 * is a plain Error without a code, and what Node says about several addresses is an AggregateError without text.
 */
export const makePostgresAdapter = (pool: pg.Pool, options: ConstructorParameters<typeof PrismaPg>[1]): PrismaPg => {
  const adapter = new PrismaPg(pool, options);
  const connect = adapter.connect.bind(adapter);
  adapter.connect = async () => {
    const connection = named(await connect(), ['queryRaw', 'executeRaw', 'startTransaction']);
    const { startTransaction } = connection;
    connection.startTransaction = async (isolationLevel) =>
      named(await startTransaction(isolationLevel), ['queryRaw', 'executeRaw']);
    return connection;
  };
  return adapter;
};

/** The same object, but its methods throw a ConnectionFailedError if the connection fails. */
const named = <Target extends object, Method extends keyof Target>(target: Target, methods: readonly Method[]): Target => {
  for (const method of methods) {
    const call = (target[method] as (...given: unknown[]) => Promise<unknown>).bind(target);
    target[method] = ((...given: unknown[]) => call(...given).catch(nameFailure)) as Target[Method];
  }
  return target;
};

const nameFailure = (error: unknown): never => {
  const isPlain = error instanceof AggregateError || (error instanceof Error && Object.getPrototypeOf(error) === Error.prototype);
  if (!isPlain) throw error;
  throw new ConnectionFailedError(`the connection to the database failed: ${describeError(error).replace(/^Error: /, '')}`, {
    cause: error,
  });
};
