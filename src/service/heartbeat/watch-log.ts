import type { Logger } from 'pino';
import type { Clock } from '../../kernel/clock.ts';
import { isSkewed, type ServiceProcess, seenWithinMs } from '../model/service-process.ts';
import { describeSkew, type ServiceStatus } from '../model/service-status.ts';

type Deps = {
  logger: Pick<Logger, 'warn' | 'info'>;
  clock: Clock /** No other process can come: it is known at once what is missing. */;
  isAlone: boolean;
};

const overduePauseMs = 60_000;
/** A clock that has drifted by more than this since the last message is reported again. */
const notableDriftMs = 10_000;

/** Logs what a check of the service found: overdue schedules once a minute, everything else when it changes. */
export const makeWatchLog = ({ logger, clock, isAlone }: Deps) => {
  const startedAtMs = clock.now().getTime();
  let overdueSaidAtMs: number | null = null;
  let rolesSaid = '';
  let skewSaidMs: number | null = null;

  const reportOverdue = (
    { overdueSchedules: { count, oldestDueAt, latenessMs, causes, schedules } }: ServiceStatus,
    nowMs: number,
  ) => {
    if (count === 0) return;
    if (overdueSaidAtMs !== null && nowMs - overdueSaidAtMs < overduePauseMs) return;
    overdueSaidAtMs = nowMs;
    const oldest = schedules[0];
    logger.warn(
      { overdue: count, oldestDueAt, latenessMs, causes, flagKey: oldest?.flagKey, environment: oldest?.environment },
      `schedules are overdue: ${causes.join('; ')}`,
    );
  };

  const reportRoles = ({ missingRoles, warnings }: ServiceStatus, nowMs: number) => {
    // Processes that start together need a moment to see each other.
    if (!isAlone && nowMs - startedAtMs < seenWithinMs) return;
    const said = missingRoles.join();
    if (said === rolesSaid) return;
    rolesSaid = said;
    if (missingRoles.length === 0) logger.info('every role has a process again');
    else logger.warn({ missingRoles }, warnings.slice(0, missingRoles.length).join('; '));
  };

  const reportSkew = (self: Pick<ServiceProcess, 'host' | 'pid' | 'roles' | 'clockSkewMs'>) => {
    const { clockSkewMs } = self;
    const wasSkewed = isSkewed(skewSaidMs);
    if (!isSkewed(clockSkewMs)) {
      if (wasSkewed) logger.info({ clockSkewMs }, "this process's clock agrees with the database's again");
      skewSaidMs = null;
      return;
    }
    if (wasSkewed && Math.abs((clockSkewMs ?? 0) - (skewSaidMs ?? 0)) < notableDriftMs) return;
    skewSaidMs = clockSkewMs;
    logger.warn({ clockSkewMs }, describeSkew(self));
  };

  return (status: ServiceStatus, self: Pick<ServiceProcess, 'host' | 'pid' | 'roles' | 'clockSkewMs'>): void => {
    const nowMs = clock.now().getTime();
    reportOverdue(status, nowMs);
    reportRoles(status, nowMs);
    reportSkew(self);
  };
};
