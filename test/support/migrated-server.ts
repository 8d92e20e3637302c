import { openDatabases } from '../../src/database/open-database.ts';
import { atTestEnd } from './at-test-end.ts';
import { startPostgresServer } from './postgres-server.ts';

/**
 * A PostgreSQL server with a migrated database, for tests that stop and start it; deleted at the end of the test, or of its file.
 */
export const startMigratedServer = async () => {
  const server = await startPostgresServer();
  atTestEnd(() => server.stop());
  const url = `${server.baseUrl}/postgres`;
  await (
    await openDatabases({ databaseUrl: url, databaseConnections: 1, dataDir: null }, { pools: 'one', schema: 'migrated' })
  ).close();
  return { ...server, url };
};
