import { type Logger, pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { Caller } from '../../src/access/model/actor.ts';
import { makeOutboxGate } from '../../src/audit/entry/outbox-gate.ts';
import { makeSpoolReplay } from '../../src/audit/entry/spool-replay.ts';
import { completeEvent, type EventDraft, toEntry } from '../../src/audit/model/audit-event.ts';
import { openSpool } from '../../src/audit/spool/spool.ts';
import { emitEntries, fatesOf, readLogId, sequenceOutbox } from '../../src/audit/store/outbox.ts';
import { makeInTransaction } from '../../src/compose/unit-of-work.ts';
import type { Database } from '../../src/database/database.ts';
import { makeCreateEnvironment } from '../../src/environments/commands/create-environment.ts';
import { makeDeleteEnvironment } from '../../src/environments/commands/delete-environment.ts';
import { makeSetEnvironmentEnabled } from '../../src/environments/commands/set-environment-enabled.ts';
import { makeUpdateEnvironment } from '../../src/environments/commands/update-environment.ts';
import { makeChangeRules } from '../../src/flags/commands/change-rules.ts';
import { makeCreateFlag } from '../../src/flags/commands/create-flag.ts';
import { makeDeleteFlag } from '../../src/flags/commands/delete-flag.ts';
import { makeOverrideInEmergency } from '../../src/flags/commands/override-in-emergency.ts';
import { makeRunExperiment } from '../../src/flags/commands/run-experiment.ts';
import { makeSetFlagStatus, makeUpdateFlag } from '../../src/flags/commands/update-flag.ts';
import { makeUpdateFlagState } from '../../src/flags/commands/update-flag-state.ts';
import type { FlagUpdates } from '../../src/flags/model/flag-state.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { makeApplyDueSchedules } from '../../src/schedules/commands/apply-due-schedules.ts';
import { makeApplyScheduleNow } from '../../src/schedules/commands/apply-schedule-now.ts';
import { cancelWithFlag, makeCancelSchedule, makeCancelSchedules } from '../../src/schedules/commands/cancel-schedule.ts';
import { makeCreateSchedule } from '../../src/schedules/commands/create-schedule.ts';
import { makeRetrySchedule, makeUpdateSchedule } from '../../src/schedules/commands/update-schedule.ts';
import type { Schedule } from '../../src/schedules/model/schedule.ts';
import { temporaryFolder } from '../support/service.ts';

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

/** A clock that only its test moves. */
export const manualClock = (at = new Date()) => {
  const clock = { at, now: () => new Date(clock.at) };
  return clock;
};

type Options = {
  /** Of the application and, where it is given, in place of the database's too: schedules are planned and edited by it. */
  clock?: Clock;
  dataDir?: string;
  maxSpoolBytes?: number;
  batchSize?: number;
  random?: () => number;
  logger?: Logger;
};

/** The use cases and the way into the log, on a database; nothing runs by itself. One of these is what one process has. */
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
  const logId = await readLogId(prisma);
  const spool = openSpool({ folder: dataDir, maxBytes: maxSpoolBytes, now: clock.now, newId, onProblem: () => {} });
  const makeEntry = (draft: EventDraft, id?: string) => {
    const now = clock.now();
    return toEntry(completeEvent(draft, { id: id ?? newId(now), now, defaultEnvironment: 'production' }));
  };
  const gate = makeOutboxGate({ spool, logId, onSpooled: () => {}, logger });
  const inTransaction = makeInTransaction({
    prisma,
    toEntry: makeEntry,
    gate,
    onCommitted: () => {},
    logger,
    ...(givenClock && { clock: givenClock }),
  });
  const commands = { inTransaction, clock, newId };
  return {
    spool,
    logId,
    inTransaction,
    makeEntry,
    createFlag: makeCreateFlag(commands),
    updateFlag: makeUpdateFlag(commands),
    updateFlagState: makeUpdateFlagState(commands),
    setFlagStatus: makeSetFlagStatus(commands),
    ...makeChangeRules(commands),
    ...makeRunExperiment(commands),
    ...makeOverrideInEmergency({ ...commands, onEmergency: () => {} }),
    deleteFlag: makeDeleteFlag({ ...commands, cancelOpenSchedules: cancelWithFlag }),
    createEnvironment: makeCreateEnvironment(commands),
    deleteEnvironment: makeDeleteEnvironment({ ...commands, defaultEnvironment: 'production' }),
    updateEnvironment: makeUpdateEnvironment(commands),
    setEnvironmentEnabled: makeSetEnvironmentEnabled(commands),
    createSchedule: makeCreateSchedule(commands),
    updateSchedule: makeUpdateSchedule(commands),
    retrySchedule: makeRetrySchedule(commands),
    applySchedule: makeApplyScheduleNow(commands),
    cancelSchedule: makeCancelSchedule(commands),
    cancelSchedules: makeCancelSchedules(commands),
    applyDue: makeApplyDueSchedules({ inTransaction, random, batchSize }),
    /** Moves everything that was committed into the log. */
    sequence: async () => {
      while ((await sequenceOutbox(prisma, 1000)) > 0);
    },
    /** One pass over the spool. */
    replay: async () => {
      const replay = makeSpoolReplay({
        spool,
        gate,
        logId,
        fatesOf: (ids) => fatesOf(prisma, ids),
        record: (entries) => emitEntries(prisma, entries),
        toEntry: makeEntry,
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

/** What a NUMBER flag can be, for tests whose schedules leave a number behind: variants '0' to '99'. */
export const numbers = Array.from({ length: 100 }, (_, n) => ({ key: `${n}`, value: n }));

/** An instant, some minutes from another one. */
export const minutesFrom = (from: Date, minutes: number): Date => new Date(from.getTime() + minutes * 60_000);

type DueSchedule = {
  flagKey: string;
  minutesAgo: number;
  updates?: FlagUpdates;
  environment?: string;
  maxRetries?: number;
};

/** Adds a schedule that became due some minutes ago, as an admin would have then: `clock` is the spine's. */
export const addDue = (
  spine: Spine,
  clock: { at: Date },
  { flagKey, minutesAgo, updates = { enabled: true }, environment = 'production', maxRetries }: DueSchedule,
): Promise<Schedule> => {
  const scheduledAt = minutesFrom(new Date(), -minutesAgo);
  clock.at = minutesFrom(scheduledAt, -60);
  return spine.createSchedule(anAdmin(), { flagKey, environment, scheduledAt, updates, maxRetries });
};
