import { randomBytes } from 'node:crypto';
import { openAsBlob, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { type Database, toDatabase } from '../../src/database/database.ts';
import { openDatabases } from '../../src/database/open-database.ts';
import { atTestEnd } from './at-test-end.ts';
import { keepShared, whereShared } from './shared.ts';
import { asServiceRole, pgliteTemplates, TEMPLATE_DATABASE, withAdministrator } from './templates.ts';

/** A row from SQL. Whole numbers of any width are numbers, jsonb is parsed, timestamptz is a Date. */
export type Row = Record<string, unknown>;

export type TestDatabase = {
  readonly kind: 'pglite' | 'postgres';
  /** As the owner of the tables signs in; null for PGlite. */
  readonly ownerUrl: string | null;
  /** As the service signs in: with no more rights than it needs. Null for PGlite, which has no address. */
  readonly url: string | null;
  /** As the application opens it, but scripts run as the owner of the tables. */
  readonly database: Database;
  /** Runs one statement beside the application; on PostgreSQL always on the same separate connection. */
  sql<T = Row>(query: string, params?: readonly unknown[]): Promise<T[]>;
  [Symbol.asyncDispose](): Promise<void>;
};
export type PostgresTestDatabase = TestDatabase & {
  readonly kind: 'postgres';
  readonly url: string;
  readonly ownerUrl: string;
};

/** Creates a separate database on the run's PostgreSQL server. It is dropped after its test, but kept if the test failed. */
export const createPostgresDatabase = async ({
  migrated = true,
  maxConnections = 10,
}: {
  migrated?: boolean;
  maxConnections?: number;
} = {}): Promise<PostgresTestDatabase> => {
  const baseUrl = await whereShared('postgres');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = migrated ? TEMPLATE_DATABASE : 'template1';
  await withAdministrator(baseUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`));

  const ownerUrl = `${baseUrl}/${name}`;
  const url = migrated ? asServiceRole(ownerUrl) : ownerUrl;
  // A database without tables gets them from the test, which then owns them.
  const opened = closeOnce(await openPool(url, maxConnections));
  const beside = new pg.Pool({ connectionString: ownerUrl, max: 1, idleTimeoutMillis: 0, types: { getTypeParser: parserOf } });
  beside.on('error', () => {});
  const asOwner = async (script: string) => void (await beside.query(script));
  const database: Database = migrated ? { ...opened, runScript: asOwner } : opened;
  let closing: Promise<unknown> | undefined;
  const dispose = async () => {
    closing ??= Promise.all([database.close(), beside.end()]);
    await closing;
  };
  atTestEnd(async ({ failed, title }) => {
    await dispose();
    if (failed) await keepShared(`Kept the database of a failed test: ${ownerUrl} (${title})`);
    else await withAdministrator(baseUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
  });
  return {
    kind: 'postgres',
    url,
    ownerUrl,
    database,
    sql: async <T = Row>(query: string, params: readonly unknown[] = []) =>
      (await beside.query<Row>(query, [...params])).rows as T[],
    [Symbol.asyncDispose]: dispose,
  };
};

/** Creates a PGlite in memory, which is closed after its test; if the test failed, a dump of it is kept. */
export const createPGliteDatabase = async ({ migrated = true }: { migrated?: boolean } = {}): Promise<TestDatabase> => {
  const pglite = await loadPGlite(migrated ? 'migrated' : 'empty');
  const database = wrapPGlite(pglite);
  atTestEnd(async ({ failed, title }) => {
    if (failed && !pglite.closed) {
      const file = path.join(tmpdir(), `flagtrail-kept-${randomBytes(6).toString('hex')}.tar.gz`);
      writeFileSync(file, new Uint8Array(await (await pglite.dumpDataDir('gzip')).arrayBuffer()));
      await keepShared(`Kept the database of a failed test: ${file}, for PGlite's loadDataDir (${title})`);
    }
    await database.close();
  });
  return {
    kind: 'pglite',
    ownerUrl: null,
    url: null,
    database,
    sql: async <T = Row>(query: string, params: readonly unknown[] = []) => (await pglite.query<T>(query, [...params])).rows,
    // Closed only at the end of the test, so that a failed one can still be dumped.
    [Symbol.asyncDispose]: async () => {},
  };
};

/** PGlite in memory, like that of `PGlite.create()` but with a tenth of the work. The caller closes it. */
export const loadPGlite = async (template: 'empty' | 'migrated'): Promise<PGlite> =>
  PGlite.create({ loadDataDir: await openAsBlob(pgliteTemplates(await whereShared('pglite'))[template]) });

/** The databases that Flagtrail runs on, for `describe.each`. */
export const databases = [
  { kind: 'pglite', createDatabase: createPGliteDatabase },
  { kind: 'postgres', createDatabase: createPostgresDatabase },
] satisfies { kind: Database['kind']; createDatabase: () => Promise<TestDatabase> }[];

/** Wraps a PGlite that was opened elsewhere, as the application's Database. */
export const wrapPGlite = (pglite: PGlite): Database => closeOnce(toDatabase(pglite));

/** A database as another process sees it: separate connections, closed at the end of the test. */
export const openBeside = async (url: string, connections = 5): Promise<Database> => {
  const database = await openPool(url, connections);
  atTestEnd(() => database.close());
  return database;
};

/** No logger: a test may cut connections on purpose, and then the code under test reports the failure. */
const openPool = async (databaseUrl: string, databaseConnections: number): Promise<Database> =>
  (await openDatabases({ databaseUrl, databaseConnections, dataDir: null }, { pools: 'one', schema: 'any' })).commands;

/** Both the code under test and the end of the test may close a database. */
const closeOnce = (database: Database): Database => {
  let closing: Promise<void> | undefined;
  return {
    ...database,
    close: () => {
      closing ??= database.close();
      return closing;
    },
  };
};

const parserOf: pg.CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format);
