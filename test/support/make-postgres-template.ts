// Makes the database from which the tests' databases are copied, on the server of the first argument.
import { openDatabases } from '../../src/database/open-database.ts';
import { TEMPLATE_DATABASE, withAdministrator } from './templates.ts';

const [baseUrl = ''] = process.argv.slice(2);
await withAdministrator(baseUrl, (client) => client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`));
await (
  await openDatabases(
    { databaseUrl: `${baseUrl}/${TEMPLATE_DATABASE}`, databaseConnections: 1, dataDir: null },
    { pools: 'one', schema: 'migrated' },
  )
).close();
