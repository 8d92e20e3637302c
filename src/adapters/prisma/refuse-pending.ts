import type { Database } from './database.ts';
import { pendingMigrations } from './migrate.ts';

/** Throws where the database's schema is behind this release. */
export const refusePending = async (database: Database): Promise<void> => {
  const pending = await pendingMigrations(database);
  if (pending.length > 0) throw new Error(`the database lacks migrations (${pending.join(', ')}): run 'flagtrail migrate'`);
};
