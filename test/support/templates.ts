import path from 'node:path';
import pg from 'pg';

/** The migrated database from which every test's database is copied. */
export const TEMPLATE_DATABASE = 'flagtrail_template';

/** The role that the tests run the service as: it has what `flagtrail migrate --grants` gives, and nothing more. */
export const SERVICE_ROLE = 'flagtrail_service';

/** The superuser's URL, but for that role. */
export const asServiceRole = (url: string): string => Object.assign(new URL(url), { username: SERVICE_ROLE }).href;

/** Runs statements that cannot run in a test's own database, such as CREATE DATABASE. */
export const withAdministrator = async <T>(baseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: `${baseUrl}/postgres` });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** The files in the folder of PGlite's templates, without and with the schema: dumps to load, and a DATA_DIR to copy. */
export const pgliteTemplates = (folder: string) => ({
  empty: path.join(folder, 'pglite-empty.tar'),
  migrated: path.join(folder, 'pglite-migrated.tar'),
  emptyDataDirectory: path.join(folder, 'empty-data-directory'),
  dataDirectory: path.join(folder, 'data-directory'),
});
