import { type Logger, pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../../src/access/model/actor.ts';
import { makeSpoolReplay } from '../../src/audit/entry/spool-replay.ts';
import { emitEntries, fatesOf, sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { composeApp } from '../../src/compose/app.ts';
import { composeEntries } from '../../src/compose/entries.ts';
import type { Database } from '../../src/database/database.ts';
import type { FlagUpdates } from '../../src/flags/model/flag-updates.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { Schedule } from '../../src/schedules/model/schedule.ts';
import { temporaryFolder } from './service.ts';

/** An admin at work. */
export const anAdmin = (userId = 'admin-a', email: string | null = `${userId}@example.com`): Caller => ({
  actor: { type: 'USER', id: userId, name: userId, email },
  userId,
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: null },
});

export const newId = (at: Date): string => uuidv7({ msecs: at.getTime() });

/** A clock that only moves when its test moves it. */
export const manualClock = (at = new Date()) => {
  const clock = { at, now: () => new Date(clock.at) };
  return clock;
};

type Options = {
  /** The application's clock. If it is given, it also replaces the database's clock, so that schedules use it. */
  clock?: Clock;
  dataDir?: string;
  maxSpoolBytes?: number;
  batchSize?: number;
  random?: () => number;
  logger?: Logger;
};

/** What one process has: every use case, and the way into the log, on one database. Nothing runs by itself. */
export const makeSpine = async (
  database: Database,
  {
    clock: givenClock,
    dataDir = temporaryFolder(),
    maxSpoolBytes = 1_000_000,
    batchSize = 500,
    random = () => 0.5,
    logger = pino({ level: 'silent' }),
  }: Options = {},
) => {
  const { prisma } = database;
  const clock = givenClock ?? { now: () => new Date() };
  const settings = { dataDir, maxSpoolBytes, defaultEnvironment: 'production', auditReads: [] };
  const surroundings = { clock, newId, random, logger, ...(givenClock && { databaseClock: givenClock }) };
  const { logId, spool, writer, inTransactionOn } = await composeEntries(settings, database, surroundings, {
    onRecorded: () => {},
  });
  const inTransaction = inTransactionOn(database);
  const { applyDueSchedules, ...app } = composeApp(
    settings,
    { inTransaction, reads: database, audit: writer.audit, batchSize },
    surroundings,
  );
  const { gate, toEntry } = writer.ofTransactions;
  return {
    ...app,
    applyDue: applyDueSchedules,
    spool,
    logId,
    inTransaction,
    toEntry,
    /** Moves everything that was committed into the log. */
    sequence: async () => {
      while ((await sequenceOutbox(prisma, 1000)) > 0);
    },
    /** Makes one pass over the spool. */
    replay: async () => {
      const replay = makeSpoolReplay({
        spool,
        gate,
        logId,
        fatesOf: (ids) => fatesOf(prisma, ids),
        record: (entries) => emitEntries(prisma, entries),
        toEntry,
        onRecorded: () => {},
        logger,
        random,
      });
      replay.start();
      await replay.stop();
    },
  };
};

export type Spine = Awaited<ReturnType<typeof makeSpine>>;

/** Variants '0' to '99' of a NUMBER flag, for tests whose schedules set a number. */
export const numbers = Array.from({ length: 100 }, (_, n) => ({ key: `${n}`, value: n }));

/** An instant that is some minutes after another one. */
export const minutesFrom = (from: Date, minutes: number): Date => new Date(from.getTime() + minutes * 60_000);

type DueSchedule = {
  flagKey: string;
  minutesAgo: number;
  updates?: FlagUpdates;
  environment?: string;
  maxRetries?: number;
};

/** Adds a schedule that became due some minutes ago, as if an admin had created it before; `clock` is the spine's. */
export const addDue = (
  spine: Spine,
  clock: { at: Date },
  { flagKey, minutesAgo, updates = { enabled: true }, environment = 'production', maxRetries }: DueSchedule,
): Promise<Schedule> => {
  const scheduledAt = minutesFrom(new Date(), -minutesAgo);
  clock.at = minutesFrom(scheduledAt, -60);
  return spine.createSchedule(anAdmin(), { flagKey, environment, scheduledAt, updates, maxRetries });
};
