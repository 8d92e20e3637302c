// Makes the database from which the tests' databases are copied, on the server of the first argument.

import pg from 'pg';
import { grantsFor } from '../../src/database/grants.ts';
import { openDatabases } from '../../src/database/open-database.ts';
import { SERVICE_ROLE, TEMPLATE_DATABASE, withAdministrator } from './templates.ts';

const [baseUrl = ''] = process.argv.slice(2);
await withAdministrator(baseUrl, (client) => client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`));
await (
  await openDatabases(
    { databaseUrl: `${baseUrl}/${TEMPLATE_DATABASE}`, databaseConnections: 1, dataDir: null },
    { pools: 'one', schema: 'migrated' },
  )
).close();
const client = new pg.Client({ connectionString: `${baseUrl}/${TEMPLATE_DATABASE}` });
await client.connect();
await client.query(grantsFor(SERVICE_ROLE));
await client.query(`ALTER ROLE ${SERVICE_ROLE} LOGIN PASSWORD 'password'`);
await client.query(`GRANT pg_read_all_stats TO ${SERVICE_ROLE}`);
// Triggers that tests add count with sequences, as whoever fires them.
await client.query(`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO ${SERVICE_ROLE}`);
await client.end();
