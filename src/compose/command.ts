import { sequenceOutbox } from '../audit/store/outbox.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { openDatabases } from '../database/open-database.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { type App, composeApp } from './app.ts';
import { composeAudit } from './pipeline.ts';

const batchSize = 1000;

/** What a command of the command line does with flags, on a database that it has open; each change has its event in the log. */
export const composeCommand = async (config: Config, database: Database, surroundings: Surroundings) => {
  const { logger } = surroundings;
  // A command runs no part of the service, so this is the way into the log alone: sinks are a service's, and find the events there.
  const pipeline = await composeAudit({ ...config, roles: [] }, database, surroundings);
  const app = composeApp(
    config,
    { inTransaction: pipeline.inTransactionOn(database), reads: database, audit: pipeline.audit },
    surroundings,
  );
  return {
    ...app,
    /** Leaves the events in the log, not on their way to it: nobody else may be there to bring them. */
    finish: async (): Promise<void> => {
      await pipeline.stop();
      try {
        while ((await sequenceOutbox(database.prisma, batchSize)) === batchSize);
      } catch (error) {
        logger.error({ err: error }, 'events wait in the outbox: they reach the log when a service with the role audit runs');
      }
    },
  };
};

/** Every use case, and the end. */
export type CommandParts = App & Pick<Awaited<ReturnType<typeof composeCommand>>, 'finish'>;

/**
 * Opens the database of the settings for one command; `close` leaves the events in the log, and gives up all that was taken.
 * Throws a DataDirectoryInUseError, and an Error where a PostgreSQL server lacks migrations.
 */
export const openCommand = async (config: Config, surroundings: Surroundings) => {
  const { commands: database, close: closeDatabase } = await openDatabases(config, { pools: 'one', schema: 'ready' });
  try {
    const parts = await composeCommand(config, database, surroundings);
    const close = async () => {
      await parts.finish();
      await closeDatabase();
    };
    return { parts, close };
  } catch (error) {
    await closeDatabase();
    throw error;
  }
};
