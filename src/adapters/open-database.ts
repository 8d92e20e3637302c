import path from 'node:path';
import type { Logger } from 'pino';
import { type Database, openPGlite, openPostgres } from './prisma/database.ts';
import { makePrivateFolder } from './private-folder.ts';
import { acquireDataDirectory } from './sqlite/data-directory-lock.ts';

type Options = { databaseUrl: string | null; databaseConnections: number; dataDir: string };

/** One database for two kinds of users, so that no caller's query can keep a schedule or the log waiting for a connection. */
export type Databases = {
  /** For what callers ask. */
  api: Database;
  /** For the worker and the audit pipeline. */
  work: Database;
  close(): Promise<void>;
};

const timeouts = { api: 15_000, work: 60_000 } as const;
const mostWorkConnections = 3;

/**
 * The database that the settings name, for a process that serves: a PostgreSQL server, or the embedded one in DATA_DIR.
 * Throws a DataDirectoryInUseError.
 */
export const openDatabases = async (options: Options, logger: Logger): Promise<Databases> => {
  const { databaseUrl, databaseConnections } = options;
  if (!databaseUrl) {
    const embedded = await openDatabase(options, logger);
    return { api: embedded, work: embedded, close: embedded.close };
  }
  keepPrivate(options.dataDir, logger);
  const open = (maxConnections: number, statementTimeoutMs: number) =>
    openPostgres(databaseUrl, { maxConnections, statementTimeoutMs, onError: warnWith(logger) });
  const workConnections = Math.min(mostWorkConnections, Math.floor(databaseConnections / 2));
  const work = open(workConnections, timeouts.work);
  const api = open(databaseConnections - workConnections, timeouts.api);
  return {
    api,
    work,
    close: async () => {
      await Promise.all([api.close(), work.close()]);
    },
  };
};

/**
 * The database that the settings name, for a command, which takes the time it takes. The embedded one this process alone may
 * have open: PGlite itself would open it twice, and corrupt it. Throws a DataDirectoryInUseError.
 */
export const openDatabase = async ({ databaseUrl, databaseConnections, dataDir }: Options, logger: Logger): Promise<Database> => {
  keepPrivate(dataDir, logger);
  if (databaseUrl) return openPostgres(databaseUrl, { maxConnections: databaseConnections, onError: warnWith(logger) });
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

/** The database, the spool and the development key are for this user alone, also where an earlier release made them. */
const keepPrivate = (dataDir: string, logger: Logger): void => {
  const { exposed, stillExposed } = makePrivateFolder(dataDir);
  const found = `${exposed} of the files and folders in DATA_DIR '${dataDir}' could be used by other users of this machine`;
  if (stillExposed > 0)
    logger.warn({ exposed, stillExposed }, `${found}, and ${stillExposed} still can: they belong to another user`);
  else if (exposed > 0) logger.warn({ exposed }, `${found}: they no longer can`);
};

const warnWith = (logger: Logger) => (error: Error) =>
  logger.warn({ err: error }, 'a database connection broke; the pool opens another');
