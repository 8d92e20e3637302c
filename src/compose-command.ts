import { openDatabase } from './adapters/open-database.ts';
import type { Database } from './adapters/prisma/database.ts';
import { makeFlagStore } from './adapters/prisma/flag-store.ts';
import { sequenceOutbox } from './adapters/prisma/outbox.ts';
import { readySchema } from './adapters/prisma/ready-schema.ts';
import { makeScheduleStore } from './adapters/prisma/schedule-store.ts';
import { makeCreateFlag } from './application/create-flag.ts';
import { makeImportFlags } from './application/import-flags.ts';
import { makeUpdateFlag } from './application/update-flag.ts';
import { makeUpdateFlagState } from './application/update-flag-state.ts';
import { composeAudit } from './compose-audit.ts';
import type { Config } from './config.ts';
import type { Caller } from './domain/access/actor.ts';
import type { FlagExport } from './domain/audit/read-events.ts';
import { flagsExported } from './domain/audit/read-events.ts';
import type { Surroundings } from './surroundings.ts';

const batchSize = 1000;

/** What a command of the command line does with flags, on a database that it has open; each change has its event in the log. */
export const composeCommand = async (config: Config, database: Database, surroundings: Surroundings) => {
  const { clock, newId, logger } = surroundings;
  // The way into the log alone: sinks are a service's, and find the events there.
  const pipeline = await composeAudit({ ...config, roles: [] }, database, surroundings);
  const commands = { inTransaction: pipeline.inTransactionOn(database), clock, newId };
  const flags = makeFlagStore(database.prisma);
  return {
    flags,
    importFlags: makeImportFlags({
      flags,
      schedules: makeScheduleStore(database.prisma),
      createFlag: makeCreateFlag(commands),
      updateFlag: makeUpdateFlag(commands),
      updateFlagState: makeUpdateFlagState(commands),
      clock,
    }),
    recordExport: (caller: Caller, exported: FlagExport): void => {
      if (config.auditReads.includes('exported')) pipeline.audit.logEvent(flagsExported(caller, exported));
    },
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

export type CommandParts = Awaited<ReturnType<typeof composeCommand>>;

/**
 * Opens the database of the settings for one command; `close` leaves the events in the log, and gives up all that was taken.
 * Throws a DataDirectoryInUseError, and an Error where a PostgreSQL server lacks migrations.
 */
export const openCommand = async (config: Config, surroundings: Surroundings) => {
  const database = await openDatabase(config, surroundings.logger);
  try {
    await readySchema(database);
    const parts = await composeCommand(config, database, surroundings);
    const close = async () => {
      await parts.finish();
      await database.close();
    };
    return { parts, close };
  } catch (error) {
    await database.close();
    throw error;
  }
};
