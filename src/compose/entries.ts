import { randomBytes } from 'node:crypto';
import { makeDisclose, makeNewSalt } from '../audit/entry/disclose.ts';
import { makeEntryWriter } from '../audit/entry/entry-writer.ts';
import { openSpool } from '../audit/spool/spool.ts';
import { emitEntries, fatesOf, readLogId } from '../audit/store/outbox.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { type InTransaction, makeInTransaction } from './unit-of-work.ts';

type Settings = Pick<Config, 'dataDir' | 'maxSpoolBytes' | 'defaultEnvironment'>;
type Needs = Pick<Surroundings, 'clock' | 'newId' | 'random' | 'logger' | 'databaseClock'>;

/** Wires a process's way into the log; every role has it. `onRecorded` is called when the outbox has new events. */
export const composeEntries = async (
  { dataDir, maxSpoolBytes, defaultEnvironment }: Settings,
  { prisma }: Pick<Database, 'prisma'>,
  { clock, newId, random, logger, databaseClock }: Needs,
  { onRecorded }: { onRecorded: () => void },
) => {
  const logId = await readLogId(prisma);
  const spool = openSpool({
    folder: dataDir,
    maxBytes: maxSpoolBytes,
    now: clock.now,
    newId,
    onProblem: (message) => logger.error(message),
  });
  const writer = makeEntryWriter({
    spool,
    logId,
    emit: (entries) => emitEntries(prisma, entries),
    fatesOf: (ids) => fatesOf(prisma, ids),
    onRecorded,
    clock,
    newId,
    disclose: makeDisclose({ newSalt: makeNewSalt({ randomBytes }) }),
    random,
    defaultEnvironment,
    logger,
  });
  return {
    logId,
    spool,
    writer,
    /** Runs transactions on a database and sends their events this way. */
    inTransactionOn: ({ prisma }: Pick<Database, 'prisma'>): InTransaction =>
      makeInTransaction({ prisma, ...writer.ofTransactions, logger, ...(databaseClock && { clock: databaseClock }) }),
  };
};
