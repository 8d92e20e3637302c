import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { PrismaClient } from '../../generated/prisma/client.ts';
import { makePGliteAdapter } from './pglite-adapter.ts';
import { makePostgresAdapter } from './postgres-adapter.ts';
import { PrivateNodeFS } from './private-node-fs.ts';

/** An open database: PostgreSQL semantics, whichever kind it is. */
export type Database = {
  readonly kind: 'pglite' | 'postgres';
  readonly prisma: PrismaClient;
  /** Runs SQL of several statements, without parameters, in one implicit transaction. */
  runScript(sql: string): Promise<void>;
  close(): Promise<void>;
};

/** PGlite, PostgreSQL in this process, in a folder (null: in memory). The caller holds the folder's lock. */
export const openPGlite = async (folder: string | null): Promise<Database> => {
  if (folder) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pglite = await PGlite.create(folder ? { fs: new PrivateNodeFS(folder) } : undefined);
  const prisma = new PrismaClient({ adapter: makePGliteAdapter(pglite), errorFormat: 'minimal' });
  return {
    kind: 'pglite',
    prisma,
    runScript: async (sql) => {
      await pglite.exec(sql);
    },
    close: async () => {
      await prisma.$disconnect();
      await pglite.close();
    },
  };
};

type PostgresOptions = {
  /** How the server's own views name the connections. */
  name?: string;
  maxConnections: number;
  /** How long the server works on one statement; absent: as long as it takes. */
  statementTimeoutMs?: number;
  /** Hears of connections that break while they are idle; the pool replaces them. */
  onError: (error: Error) => void;
};

/** A server that went silent without a word is found out this long after it should have answered. */
const silenceMs = 5000;
const keepAliveInitialDelayMillis = 10_000;

/** A PostgreSQL server. */
export const openPostgres = (
  url: string,
  { name = 'flagtrail', maxConnections, statementTimeoutMs, onError }: PostgresOptions,
): Database => {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis,
    application_name: name,
    ...(statementTimeoutMs !== undefined && {
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + silenceMs,
    }),
    onConnect: async (client) => {
      // The pool takes its own listener off before it hands a connection on: one that the server ends just then would end the
      // process. Whoever uses the connection hears of it, too.
      client.on('error', () => {});
      await client.query(sessionSettings);
    },
  });
  // Prisma's adapter stops listening when it is disconnected, and connections end a little later.
  pool.on('error', onError);
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
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
};

/**
 * What we rely on, whatever the server's or the role's defaults are. Prisma writes instants in UTC without an offset and
 * ignores the offset of those it reads: in another time zone everything would be due some hours off. And claims need each
 * statement to see what was committed before it.
 */
const sessionSettings = "SET TIME ZONE 'UTC'; SET default_transaction_isolation = 'read committed'";

/**
 * One prepared statement for each text: planning costs more than most of our statements. But not for Prisma's lists: what
 * the best way through a million rows is depends on the filter's values, and a plan that is kept does not know them.
 */
const nameStatement = (sql: string): string => {
  if (sql.startsWith('SELECT "public".') && sql.includes(' ORDER BY ')) return '';
  const known = statementNames.get(sql);
  if (known) return known;
  const name = createHash('sha256').update(sql).digest('base64url').slice(0, 32);
  if (statementNames.size < 1000) statementNames.set(sql, name);
  return name;
};
const statementNames = new Map<string, string>();
