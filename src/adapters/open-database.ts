import path from 'node:path';
import type { Logger } from 'pino';
import { type Database, openPGlite, openPostgres } from './prisma/database.ts';
import { acquireDataDirectory } from './sqlite/data-directory-lock.ts';

type Options = { databaseUrl: string | null; databaseConnections: number; dataDir: string };

/**
 * The database that the settings name: a PostgreSQL server, or the embedded one in DATA_DIR, which this process alone may
 * have open (PGlite itself would open it twice, and corrupt it). Throws a DataDirectoryInUseError.
 */
export const openDatabase = async ({ databaseUrl, databaseConnections, dataDir }: Options, logger: Logger): Promise<Database> => {
  if (databaseUrl) {
    const onError = (error: Error) => logger.warn({ err: error }, 'a database connection broke; the pool opens another');
    return openPostgres(databaseUrl, { maxConnections: databaseConnections, onError });
  }
  const lock = acquireDataDirectory(dataDir);
  try {
    const database = await openPGlite(path.join(dataDir, 'pglite'));
    const close = async () => {
      await database.close();
      lock.release();
    };
    return { ...database, close };
  } catch (error) {
    lock.release();
    throw error;
  }
};
