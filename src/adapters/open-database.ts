import path from 'node:path';
import type { Logger } from 'pino';
import { type Database, openPGlite, openPostgres } from './prisma/database.ts';
import { makePrivateFolder } from './private-folder.ts';
import { acquireDataDirectory } from './sqlite/data-directory-lock.ts';

type Options = { databaseUrl: string | null; databaseConnections: number; dataDir: string };

/**
 * One database for several kinds of users, each with connections that no other can take: whatever callers ask for keeps no
 * schedule, no event and no look at the process's health waiting.
 */
export type Databases = {
  /** Queries, replays, loaders. */
  reads: Database;
  /** Mutations, and who calls. */
  commands: Database;
  /** Applies what is due. */
  worker: Database;
  /** The way into the log and out of it: event queue, spool, sequencer, live tail, sinks; and the heartbeat. */
  pipeline: Database;
  /** Readiness and metrics. */
  health: Database;
  close(): Promise<void>;
};
type Use = Exclude<keyof Databases, 'close'>;

const statementTimeoutsMs = {
  reads: 15_000,
  commands: 15_000,
  worker: 60_000,
  pipeline: 60_000,
  health: 15_000,
} satisfies Record<Use, number>;

/** One for each use. */
export const fewestConnections = 5;

/**
 * How many of a process's connections each use gets. Health asks one question at a time. A worker applies one batch at a time:
 * its second connection is for when the first one breaks. The pipeline's parts run side by side, but mostly rest. The callers'
 * work is what more connections make faster, so that is where the rest goes. They open when they are needed: a process without
 * an API opens none for callers.
 */
export const shareConnections = (total: number): Record<Use, number> => {
  const health = 1;
  const worker = total < 15 ? 1 : 2;
  const pipeline = Math.min(4, Math.max(1, Math.floor((total * 4) / 15)));
  const callers = total - health - worker - pipeline;
  const reads = Math.floor(callers / 2);
  return { reads, commands: callers - reads, worker, pipeline, health };
};

/**
 * The database that the settings name, for a process that serves: a PostgreSQL server, or the embedded one in DATA_DIR.
 * Throws a DataDirectoryInUseError.
 */
export const openDatabases = async (options: Options, logger: Logger): Promise<Databases> => {
  const { databaseUrl, databaseConnections } = options;
  if (!databaseUrl) {
    const all = await openDatabase(options, logger);
    return { reads: all, commands: all, worker: all, pipeline: all, health: all, close: all.close };
  }
  keepPrivate(options.dataDir, logger);
  const connections = shareConnections(databaseConnections);
  const open = (use: Use) =>
    openPostgres(databaseUrl, {
      name: `flagtrail ${use}`,
      maxConnections: connections[use],
      statementTimeoutMs: statementTimeoutsMs[use],
      onError: warnWith(logger),
    });
  const opened = {
    reads: open('reads'),
    commands: open('commands'),
    worker: open('worker'),
    pipeline: open('pipeline'),
    health: open('health'),
  };
  return {
    ...opened,
    close: async () => {
      await Promise.all(Object.values(opened).map((database) => database.close()));
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
