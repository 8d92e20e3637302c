import path from 'node:path';
import type { Logger } from 'pino';
import { makePrivateFolder } from '../process/private-folder.ts';
import { acquireDataDirectory } from './data-directory-lock.ts';
import { type Database, openPGlite, openPostgres } from './database.ts';
import { makeIsAtWork } from './is-at-work.ts';
import { migrate, pendingMigrations } from './migrate.ts';

/** Which database to open: a PostgreSQL server if there is a URL, else the embedded one. A `Config` has these fields. */
type Place = {
  databaseUrl: string | null;
  /** The most connections to a server. */
  databaseConnections: number;
  /**
   * Where this process keeps its files, including the embedded database; null: nowhere, so the embedded database is in memory.
   */
  dataDir: string | null;
};

type Options = {
  /** `perUse` if different uses must not wait for each other, as in a process that serves; otherwise `one`. */
  pools: 'perUse' | 'one';
  /**
   * - `any`: the schema is not checked; the caller deals with it.
   * - `ready`: the schema must fit this release. The embedded database is migrated, as at a start of the service. A server is
   *   only migrated by `flagtrail migrate`, because others use it: if it is behind, opening it throws an error that says so.
   * - `migrated`: the database is migrated, wherever it is.
   */
  schema: 'any' | 'ready' | 'migrated';
};

/**
 * One database for several uses, each with connections that no other use can take: no query of a caller delays schedules, events
 * or health checks.
 */
export type Databases = {
  /** Queries, replays, loaders. */
  reads: Database;
  /** Mutations, and authentication. */
  commands: Database;
  /** Applies due schedules. */
  worker: Database;
  /** The way into the log and out of it: event queue, spool, sequencer, live tail, sinks. Also the heartbeat. */
  pipeline: Database;
  /** Readiness and metrics. */
  health: Database;
  /** Aborts everything at once, for all uses. */
  cut(): void;
  close(): Promise<void>;
};
type Use = Exclude<keyof Databases, 'cut' | 'close'>;

/** How long the server works on a statement, and how long a statement waits for a lock. */
const limits = {
  reads: { statementTimeoutMs: 15_000, lockTimeoutMs: 10_000 },
  commands: { statementTimeoutMs: 15_000, lockTimeoutMs: 10_000 },
  worker: { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000 },
  pipeline: { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000 },
  // A check's few statements run one after the other, and its caller waits for at most a second.
  health: { statementTimeoutMs: 700, lockTimeoutMs: 200 },
} satisfies Record<Use, object>;

/** A health check must answer within a second, so a connection that is silent for this long is gone. */
const healthSilentForMs = 800;
/** After this time, a connection of `health` asks the server whether it is still working on the statement. */
const silentForMs = 2000;
const connectWithinMs = 3000;

/** One connection for each use. */
export const fewestConnections = 5;

/**
 * How many of a process's connections each use gets. Readiness and metrics ask one question at a time each. A worker applies one
 * batch at a time. The pipeline's parts run side by side, but mostly rest. More connections help callers most, so they get
 * the rest. Connections open when they are needed: a process without an API opens none for callers.
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
 * Opens a database, for every part of Flagtrail that needs one. Only one process can open the embedded database, because PGlite
 * would open it twice and corrupt it: opening takes DATA_DIR's lock, and closing gives it back. Throws a DataDirectoryInUseError,
 * or an Error if migrations are missing that this process must not apply.
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

/**
 * Makes the database, the spool and the development key private to this user, even if an earlier release created them for all.
 */
const keepPrivate = (dataDir: string, logger?: Pick<Logger, 'warn'>): void => {
  const { exposed, stillExposed } = makePrivateFolder(dataDir);
  const found = `${exposed} of the files and folders in DATA_DIR '${dataDir}' could be used by other users of this machine`;
  if (stillExposed > 0)
    logger?.warn({ exposed, stillExposed }, `${found}, and ${stillExposed} still can: they belong to another user`);
  else if (exposed > 0) logger?.warn({ exposed }, `${found}: they no longer can`);
};

const warnWith = (logger?: Pick<Logger, 'warn'>) => (error: Error) =>
  logger?.warn({ err: error }, 'a database connection broke; the pool opens another');
