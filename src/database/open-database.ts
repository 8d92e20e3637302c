import path from 'node:path';
import type { Logger } from 'pino';
import { makePrivateFolder } from '../process/private-folder.ts';
import { acquireDataDirectory } from './data-directory-lock.ts';
import { type Database, openPGlite, openPostgres } from './database.ts';
import { makeIsAtWork } from './is-at-work.ts';
import { migrate, pendingMigrations } from './migrate.ts';

/** Which database: a PostgreSQL server, else the embedded one. A `Config` says it. */
type Place = {
  databaseUrl: string | null;
  /** Most connections to a server. */
  databaseConnections: number;
  /** Where this process keeps its files, the embedded database among them; null: nowhere, and then that is in memory. */
  dataDir: string | null;
};

type Options = {
  /** `perUse` where several kinds of users must not wait for each other, as in a process that serves; `one` for all else. */
  pools: 'perUse' | 'one';
  /**
   * `any`: whatever it is; the caller deals with it.
   * `ready`: of this release. The embedded database is brought up to date, as a start of the service does it. A server's schema is
   * for `flagtrail migrate` alone, because others use it: where it is behind, opening fails and says so.
   * `migrated`: brought up to date, wherever it is.
   */
  schema: 'any' | 'ready' | 'migrated';
};

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
  /** Gives up whatever is under way on any of them, at once. */
  cut(): void;
  close(): Promise<void>;
};
type Use = Exclude<keyof Databases, 'cut' | 'close'>;

/** How long the server works on a statement, and how long a statement waits for a lock that others have. */
const limits = {
  reads: { statementTimeoutMs: 15_000, lockTimeoutMs: 10_000 },
  commands: { statementTimeoutMs: 15_000, lockTimeoutMs: 10_000 },
  worker: { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000 },
  pipeline: { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000 },
  // Its few statements come one after the other, and whoever asks waits for a second.
  health: { statementTimeoutMs: 700, lockTimeoutMs: 200 },
} satisfies Record<Use, object>;

/** Health's answer is due within a second: a connection that says nothing for that long is gone. */
const healthSilentForMs = 800;
/** After this time the server is asked, over health's connection, whether it is at work on the statement. */
const silentForMs = 2000;
const connectWithinMs = 3000;

/** One for each use. */
export const fewestConnections = 5;

/**
 * How many of a process's connections each use gets. Readiness and metrics ask one question at a time each. A worker applies one
 * batch at a time. The pipeline's parts run side by side, but mostly rest. The callers' work is what more connections make
 * faster, so that is where the rest goes. They open when they are needed: a process without an API opens none for callers.
 */
export const shareConnections = (total: number): Record<Use, number> => {
  const health = total < 10 ? 1 : 2;
  const worker = 1;
  const pipeline = Math.min(3, Math.floor(total / 5));
  const callers = total - health - worker - pipeline;
  const reads = Math.floor(callers / 2);
  return { reads, commands: callers - reads, worker, pipeline, health };
};

/**
 * Opens a database, for everybody who needs one. The embedded one this process alone may have open, because PGlite would open it
 * twice, and corrupt it: opening takes DATA_DIR's lock, and closing gives it back. Throws a DataDirectoryInUseError, and an Error
 * where migrations are missing that are not this process's to apply.
 */
export const openDatabases = async (
  { databaseUrl, databaseConnections, dataDir }: Place,
  { pools, schema }: Options,
  logger?: Pick<Logger, 'warn'>,
): Promise<Databases> => {
  if (dataDir !== null) keepPrivate(dataDir, logger);
  const server = { databaseUrl: databaseUrl ?? '', databaseConnections, onError: warnWith(logger) };
  const openServer = pools === 'perUse' ? openPools : openPool;
  const databases = databaseUrl ? openServer(server) : forEveryUse(await openEmbedded(dataDir));
  try {
    await readySchema(databases.pipeline, schema);
    return databases;
  } catch (error) {
    await databases.close();
    throw error;
  }
};

type Server = { databaseUrl: string; databaseConnections: number; onError: (error: Error) => void };

const openPool = ({ databaseUrl, databaseConnections, onError }: Server): Databases =>
  forEveryUse(openPostgres(databaseUrl, { maxConnections: databaseConnections, onError }));

const openPools = ({ databaseUrl, databaseConnections, onError }: Server): Databases => {
  const connections = shareConnections(databaseConnections);
  const open = (use: Use, patience: Pick<Parameters<typeof openPostgres>[1], 'waitMs' | 'connectWithinMs' | 'silence'>) =>
    openPostgres(databaseUrl, {
      name: `flagtrail ${use}`,
      maxConnections: connections[use],
      ...limits[use],
      ...patience,
      onError,
    });
  const health = open('health', { connectWithinMs, waitMs: connectWithinMs, silence: { forMs: healthSilentForMs } });
  const patience = { connectWithinMs, silence: { forMs: silentForMs, isAtWork: makeIsAtWork(health) } };
  const opened = {
    reads: open('reads', patience),
    commands: open('commands', patience),
    worker: open('worker', patience),
    pipeline: open('pipeline', patience),
    health,
  };
  return {
    ...opened,
    cut: () => {
      for (const database of Object.values(opened)) database.cut();
    },
    close: async () => {
      await Promise.all(Object.values(opened).map((database) => database.close()));
    },
  };
};

const openEmbedded = async (dataDir: string | null): Promise<Database> => {
  if (dataDir === null) return openPGlite(null);
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

const forEveryUse = (all: Database): Databases => ({
  reads: all,
  commands: all,
  worker: all,
  pipeline: all,
  health: all,
  cut: all.cut,
  close: all.close,
});

const readySchema = async (database: Database, schema: Options['schema']): Promise<void> => {
  if (schema === 'any') return;
  if (schema === 'migrated' || database.kind === 'pglite') {
    await migrate(database);
    return;
  }
  const pending = await pendingMigrations(database);
  if (pending.length > 0) throw new Error(`the database lacks migrations (${pending.join(', ')}): run 'flagtrail migrate'`);
};

/** The database, the spool and the development key are for this user alone, also where an earlier release made them. */
const keepPrivate = (dataDir: string, logger?: Pick<Logger, 'warn'>): void => {
  const { exposed, stillExposed } = makePrivateFolder(dataDir);
  const found = `${exposed} of the files and folders in DATA_DIR '${dataDir}' could be used by other users of this machine`;
  if (stillExposed > 0)
    logger?.warn({ exposed, stillExposed }, `${found}, and ${stillExposed} still can: they belong to another user`);
  else if (exposed > 0) logger?.warn({ exposed }, `${found}: they no longer can`);
};

const warnWith = (logger?: Pick<Logger, 'warn'>) => (error: Error) =>
  logger?.warn({ err: error }, 'a database connection broke; the pool opens another');
