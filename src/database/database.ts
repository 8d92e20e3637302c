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

/** An open database: PostgreSQL semantics, whichever kind it is. */
export type Database = {
  readonly kind: 'pglite' | 'postgres';
  readonly prisma: PrismaClient;
  /** Runs SQL of several statements, without parameters, in one implicit transaction. */
  runScript(sql: string): Promise<void>;
  /** Gives up what is under way, at once: it fails, and so does whatever is asked from now on. The embedded database ends its work. */
  cut(): void;
  close(): Promise<void>;
};

/** PGlite, PostgreSQL in this process, in a folder (null: in memory). The caller holds the folder's lock. */
export const openPGlite = async (folder: string | null): Promise<Database> => {
  if (folder) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return toDatabase(await PGlite.create(folder ? { fs: new PrivateNodeFS(folder) } : undefined));
};

/** PGlite that is open, as a database. */
export const toDatabase = (pglite: PGlite): Database => {
  const prisma = new PrismaClient({ adapter: makePGliteAdapter(pglite), errorFormat: 'minimal' });
  return {
    kind: 'pglite',
    prisma,
    runScript: async (sql) => {
      await pglite.exec(sql);
    },
    cut: () => {},
    close: async () => {
      await prisma.$disconnect();
      if (!pglite.closed) await pglite.close();
    },
  };
};

type PostgresOptions = {
  /** How the server's own views name the connections. */
  name?: string;
  maxConnections: number;
  /** How long to wait for a connection that others have. */
  waitMs?: number;
  /** How long the server works on one statement; absent: as long as it takes. */
  statementTimeoutMs?: number;
  /** How long a statement waits for a lock; absent: as long as it takes. */
  lockTimeoutMs?: number;
  /** How long a connection may be silent while a statement is under way; absent: as long as the statement takes. */
  silence?: { forMs: number; isAtWork?: (backendPid: number) => Promise<boolean> };
  connectWithinMs?: number;
  /** Hears of connections that break while they are idle; the pool replaces them. */
  onError: (error: Error) => void;
};

/** So long after it must have given a statement up, a server that says that it is at work on it is not believed. */
const graceMs = 5000;
export const keepAliveMs = 10_000;

/** A PostgreSQL server. */
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
      // A result for each statement of the message.
      const results = (await client.query(settings)) as unknown as pg.QueryResult<{ pid: number }>[];
      (client as Connection).backendPid = results.at(-1)?.rows[0]?.pid ?? null;
    },
  });
  // Prisma's adapter stops listening when it is disconnected, and connections end a little later.
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
    cut,
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
};

/**
 * One prepared statement for each text: planning costs more than most of our statements. But not for Prisma's lists: what
 * the best way through a million rows is depends on the filter's values, and a plan that is kept does not know them. Nor for
 * what is long, or for more than a thousand in one pool: each list of another length is another text, and every connection
 * would keep a plan of each.
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
