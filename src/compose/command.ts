import { setTimeout as pause } from 'node:timers/promises';
import { makePruneLog } from '../audit/commands/prune-log.ts';
import { sequenceOutbox } from '../audit/store/outbox.ts';
import { makePruning } from '../audit/store/pruning.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { openDatabases } from '../database/open-database.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { type App, composeApp } from './app.ts';
import { composeLogCommands } from './log-commands.ts';
import { composeAudit } from './pipeline.ts';

const batchSize = 1000;

/** Wires the use cases for one command on an open database. */
export const composeCommand = async (config: Config, database: Database, surroundings: Surroundings): Promise<CommandParts> => {
  const { logger } = surroundings;
  // Without roles it runs no sequencer and no sinks: a service's sinks find its events in the log.
  const pipeline = await composeAudit({ ...config, roles: [] }, database, surroundings);
  const inTransaction = pipeline.inTransactionOn(database);
  const app = composeApp(config, { inTransaction, reads: database, audit: pipeline.audit }, surroundings);
  const sequence = async () => {
    while ((await sequenceOutbox(database.prisma, batchSize)) === batchSize);
  };
  return {
    ...app,
    pruneLog: makePruneLog({
      inTransaction,
      pruning: makePruning(database.prisma),
      log: app.log,
      sequence,
      pause: () => pause(200),
      clock: surroundings.clock,
    }),
    ...composeLogCommands(config, database, { inTransaction, surroundings }),
    finish: async () => {
      await pipeline.stop();
      try {
        await sequence();
      } catch (error) {
        logger.error({ err: error }, 'events wait in the outbox: they reach the log when a service with the role audit runs');
      }
    },
  };
};

export type CommandParts = App &
  ReturnType<typeof composeLogCommands> & {
    pruneLog: ReturnType<typeof makePruneLog>;
    /** Moves the events into the log, because no other process may be running to do it. */
    finish(): Promise<void>;
  };

/**
 * Opens the configured database for one command. `close` moves the events into the log and releases everything. Throws a
 * DataDirectoryInUseError, and an Error if a PostgreSQL server lacks migrations.
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
