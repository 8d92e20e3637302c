import type { PGlite, Transaction } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';

/**
 * PGlite for Prisma, with commits that report failures. The package (0.7) drops the error of a COMMIT, so a caller would be told
 * that a change was stored although it was not.
 */
export const makePGliteAdapter = (pglite: PGlite): PrismaPGlite => {
  // PGlite runs one transaction at a time, so the latest one that began is the current one.
  let underWay: Promise<unknown> = Promise.resolve();
  const transaction = pglite.transaction.bind(pglite);
  pglite.transaction = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
    const done: Promise<T> = transaction((tx) => {
      underWay = done;
      return work(tx);
    });
    return done;
  };

  const adapter = new PrismaPGlite(pglite);
  const connect = adapter.connect.bind(adapter);
  adapter.connect = async () => {
    const connection = await connect();
    const startTransaction = connection.startTransaction.bind(connection);
    connection.startTransaction = async (isolationLevel) => {
      const started = await startTransaction(isolationLevel);
      const done = underWay;
      const commit = started.commit.bind(started);
      started.commit = async () => {
        await commit();
        await done;
      };
      return started;
    };
    return connection;
  };
  return adapter;
};
