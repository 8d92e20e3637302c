import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import { makePGliteAdapter } from './pglite-adapter.ts';
import { makePostgresAdapter } from './postgres-adapter.ts';
import { type Connection, makeConnections } from './postgres-connections.ts';
import { PrivateNodeFS } from './private-node-fs.ts';
import { sessionSettings } from './session-settings.ts';

/** An open database. Both kinds have PostgreSQL's semantics. */
export type Database = {
  readonly kind: 'pglite' | 'postgres';
  readonly prisma: PrismaClient;
  /** Runs several SQL statements without parameters in one implicit transaction. */
  runScript(sql: string): Promise<void>;
  /**
   * Runs `work` in one transaction that writes nothing, and in which all answers are of the same instant. Its SQL goes to the
   * driver itself, because a million rows through Prisma take several times as long.
   */
  readSnapshot<Result>(work: (query: PlainQuery) => Promise<Result>): Promise<Result>;
  /**
   * Aborts everything at once: current statements fail, and so do all later ones. The embedded database finishes its current
   * work.
   */
  cut(): void;
  close(): Promise<void>;
};

/** Asks for rows; parameters are $1, $2 … */
type PlainQuery = <Row>(sql: string, ...params: readonly unknown[]) => Promise<Row[]>;

const beginSnapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** Opens PGlite, which is PostgreSQL in this process, in a folder (null: in memory). The caller holds the folder's lock. */
export const openPGlite = async (folder: string | null): Promise<Database> => {
  if (folder) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return toDatabase(await PGlite.create(folder ? { fs: new PrivateNodeFS(folder) } : undefined));
};

/** Wraps an open PGlite as a Database. */
export const toDatabase = (pglite: PGlite): Database => {
  const prisma = new PrismaClient({ adapter: makePGliteAdapter(pglite), errorFormat: 'minimal' });
  return {
    kind: 'pglite',
    prisma,
    runScript: async (sql) => {
      await pglite.exec(sql);
    },
    readSnapshot: (work) =>
      pglite.transaction(async (tx) => {
        await tx.exec('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
        return work(async <Row>(sql: string, ...params: readonly unknown[]) => (await tx.query<Row>(sql, [...params])).rows);
      }),
    cut: () => {},
    close: async () => {
      await prisma.$disconnect();
      if (!pglite.closed) await pglite.close();
    },
  };
};

type PostgresOptions = {
  /** The connections' name in the server's own views. */
  name?: string;
  maxConnections: number;
  /** How long to wait for a free connection. */
  waitMs?: number;
  /** How long the server works on one statement; absent: without limit. */
  statementTimeoutMs?: number;
  /** How long a statement waits for a lock; absent: without limit. */
  lockTimeoutMs?: number;
  /** How long a connection can be silent during a statement; absent: without limit. */
  silence?: { forMs: number; isAtWork?: (backendPid: number) => Promise<boolean> };
  connectWithinMs?: number;
  /** Called if an idle connection breaks; the pool replaces it. */
  onError: (error: Error) => void;
};

/**
 * A server should have given up the statement by its own limit. If it still claims to work on it this much later, it is not
 * believed.
 */
const graceMs = 5000;
/** How long a connection is silent before TCP checks whether the other side is still there. */
export const keepAliveMs = 10_000;

/** Opens a pool of connections to a PostgreSQL server. */
export const openPostgres = (
  url: string,
  {
    name = 'flagtrail',
    maxConnections,
    waitMs = 10_000,
    statementTimeoutMs,
    lockTimeoutMs,
    silence,
    connectWithinMs = 10_000,
    onError,
  }: PostgresOptions,
): Database => {
  const { Connection, cut } = makeConnections({
    connectWithinMs,
    ...(silence && { silentForMs: silence.forMs, ...(silence.isAtWork && { isAtWork: silence.isAtWork }) }),
    ...(statementTimeoutMs !== undefined && { atMostMs: statementTimeoutMs + graceMs }),
  });
  const settings = `${sessionSettings({ statementTimeoutMs, lockTimeoutMs })}; SELECT pg_backend_pid() AS pid`;
  const pool = new pg.Pool({
    Client: Connection,
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: waitMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    application_name: name,
    onConnect: async (client) => {
      // One result for each statement of the message.
      const results = (await client.query(settings)) as unknown as pg.QueryResult<{ pid: number }>[];
      (client as Connection).backendPid = results.at(-1)?.rows[0]?.pid ?? null;
    },
  });
  // Prisma's adapter stops listening when it disconnects, but connections end a little later.
  pool.on('error', onError);
  const nameStatement = makeNameStatement();
  const adapter = makePostgresAdapter(pool, {
    onConnectionError: onError,
    statementNameGenerator: ({ sql }) => nameStatement(sql),
  });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  return {
    kind: 'postgres',
    prisma,
    runScript: async (sql) => {
      await pool.query(sql);
    },
    readSnapshot: async (work) => {
      const client = await pool.connect();
      try {
        await client.query(beginSnapshot);
        const result = await work(async (sql, ...params) => (await client.query(sql, [...params])).rows);
        await client.query('COMMIT');
        client.release();
        return result;
      } catch (error) {
        // Whatever it was in the middle of ends with its connection.
        client.release(true);
        throw error;
      }
    },
    cut,
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
};

/**
 * One prepared statement per text, because planning costs more than executing most of our statements. Three exceptions. Prisma's
 * lists: the best plan for a million rows depends on the filter's values, which a cached plan does not know. Long texts. And more
 * than a thousand texts in one pool: each length of a list gives another text, and every connection would keep a plan for each.
 */
const makeNameStatement = () => {
  const names = new Map<string, string>();
  return (sql: string): string => {
    if (sql.length > maxNamedLength || (sql.startsWith('SELECT "public".') && sql.includes(' ORDER BY '))) return '';
    const known = names.get(sql);
    if (known) return known;
    if (names.size >= maxNamed) return '';
    const name = createHash('sha256').update(sql).digest('base64url').slice(0, 32);
    names.set(sql, name);
    return name;
  };
};
const maxNamed = 1000;
const maxNamedLength = 4096;
