import type { Database } from './database.ts';
import { migrate, pendingMigrations } from './migrate.ts';

/**
 * Makes sure that a command finds the schema of this release. The embedded database is brought up to date, as a start of the
 * service does it; a PostgreSQL server's is for `flagtrail migrate` alone, because others use it: throws where it is behind.
 */
export const readySchema = async (database: Database): Promise<void> => {
  if (database.kind === 'pglite') {
    await migrate(database);
    return;
  }
  const pending = await pendingMigrations(database);
  if (pending.length > 0) throw new Error(`the database lacks migrations (${pending.join(', ')}): run 'flagtrail migrate'`);
};
