// Makes PGlite's templates in the folder of the first argument. PGlite takes seconds to create a cluster, and a fraction of a
// second to load one: the smaller it is, the faster.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { openDatabases } from '../../src/database/open-database.ts';
import { pgliteTemplates } from './templates.ts';

const withPGlite = async (dataDir: string, work: (pglite: PGlite) => Promise<void>) => {
  // WAL segments of 1 MB instead of 16 MB, which are mostly zeros.
  const pglite = await PGlite.create({ dataDir, initDbStartParams: ['--wal-segsize=1'] });
  await work(pglite).finally(() => pglite.close());
};
const dumpTo = (file: string) => async (pglite: PGlite) =>
  writeFileSync(file, new Uint8Array(await (await pglite.dumpDataDir('none')).arrayBuffer()));

const [folder = ''] = process.argv.slice(2);
const { empty, migrated, emptyDataDirectory, dataDirectory } = pgliteTemplates(folder);
const dataDir = path.join(dataDirectory, 'pglite');
mkdirSync(dataDirectory);
await withPGlite(dataDir, async (pglite) => {
  // Removes two databases that nobody opens, and memory that no test needs and each load would clear. That halves the work.
  await pglite.query('UPDATE pg_database SET datistemplate = false');
  for (const name of ['template0', 'template1']) await pglite.query(`DROP DATABASE ${name}`);
  await pglite.query("ALTER SYSTEM SET shared_buffers = '8MB'");
  await pglite.query('CHECKPOINT');
  await dumpTo(empty)(pglite);
});
cpSync(dataDirectory, emptyDataDirectory, { recursive: true });
await (
  await openDatabases({ databaseUrl: null, databaseConnections: 1, dataDir: dataDirectory }, { pools: 'one', schema: 'migrated' })
).close();
await withPGlite(dataDir, dumpTo(migrated));
