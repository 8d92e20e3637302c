import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { openDatabases } from '../../src/database/open-database.ts';
import { startPostgresServer } from './postgres-server.ts';
import { makePGliteTemplates, TEMPLATE_DATABASE, withAdministrator } from './templates.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The superuser's URL of the run's PostgreSQL server, without a database's name. */
    postgresUrl: string;
    /** A folder of this run, for what its workers share. */
    runFolder: string;
  }
}

/** Starts the PostgreSQL server of the run, with one migrated database to copy; stops it afterwards, whatever the tests did. */
export default async function setUp(project: TestProject) {
  const server = await startPostgresServer();
  // The tests start many processes: what Node compiled for one serves them all, and those of the next run. Node compares what
  // it finds there with the source.
  process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compiled');
  project.provide('postgresUrl', server.baseUrl);
  project.provide('runFolder', server.folder);

  const tearDown = async () => {
    const kept = path.join(server.folder, 'kept');
    const keepData = existsSync(kept);
    if (keepData)
      process.stderr.write(`\n${readFileSync(kept, 'utf8')}Start their server again with:\n  ${server.startCommand}\n`);
    await server.stop({ keepData });
  };

  const pglite = makePGliteTemplates(server.folder);
  try {
    await withAdministrator(server.baseUrl, (client) => client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`));
    const place = { databaseUrl: `${server.baseUrl}/${TEMPLATE_DATABASE}`, databaseConnections: 1, dataDir: null };
    await (await openDatabases(place, { pools: 'one', schema: 'migrated' })).close();
    await pglite;
  } catch (error) {
    await pglite.catch(() => {});
    await tearDown();
    throw error;
  }
  return tearDown;
}
