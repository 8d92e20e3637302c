import cron from 'node-cron';
import type { Logger } from 'pino';
import { describeError } from '../../kernel/describe-error.ts';
import type { BatchResult } from '../commands/apply-due-schedules.ts';

type Deps = {
  /** A cron expression with seconds. */
  schedule: string;
  /** Applies one batch of due schedules. */
  applyDue: () => Promise<BatchResult>;
  logger: Logger;
  onBatch?: (result: BatchResult) => void;
  /** Describes any error on one line. */
  describe?: (error: unknown) => string;
  /** Called after each tick with the reason why nothing could be applied; null if the tick succeeded. */
  onOutcome?: (failure: string | null) => void;
};

export type Ticker = {
  start(): void;
  /** Runs one tick: applies all due schedules. Joins a tick that is under way. */
  tick(): Promise<void>;
  /** Starts no further tick. Resolves when the batch under way is committed. */
  stop(): Promise<void>;
};

/** Applies due schedules at every tick of the cron expression. Ticks never overlap: if one is under way, the next is skipped. */
export const makeTicker = ({ schedule, applyDue, logger, onBatch, describe = describeError, onOutcome }: Deps): Ticker => {
  let stopping = false;
  let ticking: Promise<void> | null = null;

  const drain = async () => {
    try {
      for (let more = true; more && !stopping; ) {
        const result = await applyDue();
        onBatch?.(result);
        report(result, logger);
        more = result.more;
      }
      onOutcome?.(null);
    } catch (error) {
      const failure = describe(error);
      onOutcome?.(failure);
      logger.error({ err: error }, `could not apply due schedules: ${failure}; they stay due, and the next tick tries again`);
    }
  };
  const tick = () => {
    ticking ??= drain().finally(() => {
      ticking = null;
    });
    return ticking;
  };
  const task = cron.createTask(schedule, tick, { noOverlap: true, suppressMissedWarning: true, logger: toCronLogger(logger) });

  return {
    start: () => void task.start(),
    tick,
    stop: async () => {
      stopping = true;
      await task.destroy();
      await ticking;
    },
  };
};

const report = ({ applied, failed, stuck, now }: BatchResult, logger: Logger): void => {
  for (const [scheduleId, reason] of stuck)
    logger.error({ scheduleId }, `could not save what became of a schedule: ${reason}; it stays due`);
  for (const { schedule } of failed) {
    const { id, flagKey, environment, errorMessage, nextRetryAt } = schedule;
    logger.warn({ scheduleId: id, flagKey, environment, nextRetryAt }, `a schedule failed: ${errorMessage}`);
  }
  if (applied.length > 0) {
    const latenessMs = Math.max(...applied.map(({ schedule }) => now.getTime() - schedule.scheduledAt.getTime()));
    logger.info({ applied: applied.length, latenessMs }, 'schedules applied');
  }
};

/** Without a logger, node-cron prints to the console, but stdout is only for JSON lines. */
const toCronLogger = (logger: Logger) => ({
  info: (message: string) => logger.debug(message),
  warn: (message: string) => logger.debug(message),
  error: (message: string | Error) => logger.error({ err: message }, 'node-cron'),
  debug: (message: string | Error) => logger.trace({ err: message }, 'node-cron'),
});
