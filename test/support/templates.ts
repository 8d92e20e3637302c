import { mkdirSync, openAsBlob, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { openDatabases } from '../../src/database/open-database.ts';

/** The migrated database that every test's database is a copy of. */
export const TEMPLATE_DATABASE = 'flagtrail_template';

/** Runs statements that no database of a test is fit for, such as CREATE DATABASE. */
export const withAdministrator = async <T>(baseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: `${baseUrl}/postgres` });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** Where a run keeps PGlite's templates: dumps to load, without and with the schema, and a DATA_DIR to copy. */
export const pgliteTemplates = (runFolder: string) => ({
  empty: path.join(runFolder, 'pglite-empty.tar'),
  migrated: path.join(runFolder, 'pglite-migrated.tar'),
  dataDirectory: path.join(runFolder, 'data-directory'),
});

/** PGlite takes seconds to make a cluster and a fraction of one to load it: made once a run, before the tests. */
export const makePGliteTemplates = async (runFolder: string): Promise<void> => {
  const { empty, migrated, dataDirectory } = pgliteTemplates(runFolder);
  const dump = async (pglite: PGlite, file: string) =>
    writeFileSync(file, new Uint8Array(await (await pglite.dumpDataDir('none')).arrayBuffer()));

  const fresh = await PGlite.create();
  await dump(fresh, empty);
  await fresh.close();
  const pglite = path.join(dataDirectory, 'pglite');
  await (await PGlite.create({ dataDir: makeFolder(pglite), loadDataDir: await openAsBlob(empty) })).close();
  const place = { databaseUrl: null, databaseConnections: 1, dataDir: dataDirectory };
  await (await openDatabases(place, { pools: 'one', schema: 'migrated' })).close();
  const filled = await PGlite.create({ dataDir: pglite });
  await dump(filled, migrated);
  await filled.close();
};

const makeFolder = (folder: string): string => {
  mkdirSync(folder, { recursive: true });
  return folder;
};
