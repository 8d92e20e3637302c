import type { Logger } from 'pino';
import type { Clock } from '../../kernel/clock.ts';
import { makeLoop } from '../../kernel/loop.ts';
import { within } from '../../kernel/within.ts';
import type { ServiceStore } from '../commands/service-store.ts';
import { isSkewed, measureSkewMs, type ProcessDetail, type ServiceProcess } from '../model/service-process.ts';
import { describeSigning, describeSkew, type ServiceStatus, toServiceStatus } from '../model/service-status.ts';
import { makeWatchLog } from './watch-log.ts';

type Deps = {
  store: ServiceStore;
  self: Pick<ServiceProcess, 'id' | 'roles' | 'version' | 'host' | 'pid'>;
  /** What this process announces about itself now. */
  detail: () => ProcessDetail;
  clock: Clock;
  logger: Pick<Logger, 'warn' | 'info' | 'debug'>;
  /** Describes any error on one line. */
  describe: (error: unknown) => string;
  /** Whether this is the only process, as with the embedded database. */
  isAlone: boolean;
  beatMs?: number;
};

const withdrawMs = 2000;

/**
 * Announces this process every few seconds, measures how its clock differs from the database's, and checks whether schedules are
 * overdue and every role is running. Every process watches for all, so that even the last one left reports problems.
 */
export const makeHeartbeat = ({ store, self, detail, clock, logger, describe, isAlone, beatMs = 5000 }: Deps) => {
  let clockSkewMs: number | null = null;
  let status: ServiceStatus | null = null;
  let isFailing = false;
  const report = makeWatchLog({ logger, clock, isAlone });

  const announce = async () => {
    const sentAt = clock.now();
    const databaseTime = await store.announce({ ...self, clockSkewMs, detail: detail() });
    clockSkewMs = Math.round(measureSkewMs(sentAt, databaseTime, clock.now()));
  };

  const loop = makeLoop({
    work: async () => {
      const isFirst = clockSkewMs === null;
      await announce();
      // Announces the measured clock difference at once, because the next beat is seconds away.
      if (isFirst) await announce();
      status = toServiceStatus(await store.readFacts());
      report(status, { ...self, clockSkewMs });
      if (isFailing) logger.info('this process announces itself again');
      isFailing = false;
      return false;
    },
    pollMs: beatMs,
    onError: (error) => {
      const text = `this process cannot announce itself, or check the service: ${describe(error)}`;
      if (isFailing) logger.debug(text);
      else logger.warn(text);
      isFailing = true;
      return undefined;
    },
  });

  return {
    start: loop.start,
    stop: async () => {
      const withdrawn = loop
        .stop()
        .then(() => store.withdraw(self.id))
        .catch((error) => logger.debug(`this process stays on the list: ${describe(error)}`));
      // A database that does not answer must not delay the shutdown.
      await within(withdrawMs, withdrawn);
    },
    clockSkewMs: () => clockSkewMs,
    /** What was wrong with the service at the latest check, and with this process. */
    warnings: (): readonly string[] => {
      const own = [
        ...(isSkewed(clockSkewMs) ? [describeSkew({ ...self, clockSkewMs })] : []),
        ...describeSigning({ ...self, detail: detail() }),
      ];
      return [...new Set([...(status?.warnings ?? []), ...own])];
    },
  };
};
