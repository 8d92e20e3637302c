import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from './database.ts';
import { describeFailure } from './database-errors.ts';
import { migrate, migrationStatus } from './migrate.ts';

const pollMs = 1000;

/**
 * Migrates the embedded database. On a PostgreSQL server, waits until somebody has migrated it: a service must not migrate,
 * because many processes can start at once. Returns false if the wait was ended.
 */
export const untilMigrated = async (
  database: Database,
  { logger, stopping, onWait }: { logger: Logger; stopping: AbortSignal; onWait: (what: string) => void },
): Promise<boolean> => {
  if (database.kind === 'pglite') {
    await migrate(database, undefined, { onProgress: (name) => logger.info({ migration: name }, 'migrating') });
    return true;
  }
  let said = '';
  while (!stopping.aborted) {
    const waitingFor = await migrationStatus(database).then(
      ({ pending }) => pending.length > 0 && `migrations (${pending.join(', ')}): run \`flagtrail migrate\``,
      (error) => `the database: ${describeFailure(error)}`,
    );
    if (!waitingFor) return true;
    onWait(waitingFor);
    if (waitingFor !== said) logger.warn(`not ready, waiting for ${waitingFor}`);
    said = waitingFor;
    await sleep(pollMs);
  }
  return false;
};
