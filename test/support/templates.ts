import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import type { Database } from '../../src/adapters/prisma/database.ts';

/** The migrated database that every test's database is a copy of. */
export const TEMPLATE_DATABASE = 'flagtrail_template';

const migrations = new URL('../../prisma/migrations/', import.meta.url);

/** Brings an empty database to the schema of this checkout. */
export const applyMigrations = async (database: Database): Promise<void> => {
  const names = readdirSync(migrations, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    await database.runScript(readFileSync(new URL(`${name}/migration.sql`, migrations), 'utf8'));
  }
};

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
