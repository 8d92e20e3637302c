import type { Blocker, ServiceFacts } from './service-facts.ts';
import { isSkewed, nameProcess, type ServiceProcess } from './service-process.ts';

/** Why schedules are overdue, as far as known, likeliest cause first. Empty if none is overdue. */
export const overdueCauses = ({
  overdue,
  processes,
  isEmbedded,
}: Omit<ServiceFacts, 'sinks' | 'log' | 'sequencer' | 'databaseTime'>): string[] => {
  if (overdue.count === 0) return [];
  const workers = processes.filter(({ roles }) => roles.includes('worker'));
  const seen = workers.filter(({ isSeen }) => isSeen);
  const causes = [
    ...(seen.length === 0 ? [describeNoWorker(workers, isEmbedded)] : []),
    ...overdue.blockers.map(describeBlocker),
    ...seen.flatMap(describeWorkerError),
    ...processes.filter(({ isSeen, clockSkewMs }) => isSeen && isSkewed(clockSkewMs)).map(describeClock),
  ];
  if (causes.length > 0) return causes;
  return [`no cause is known: see the log of ${seen.map(nameProcess).join(' and ')}, which should apply them`];
};

const describeNoWorker = (workers: readonly ServiceProcess[], isEmbedded: boolean): string => {
  const [last] = workers;
  if (isEmbedded) return 'no worker runs, and the embedded database has one process at a time';
  if (!last) return 'no worker has ever been seen';
  return `no worker has been seen lately; the last one was ${nameProcess(last)} at ${last.lastSeenAt.toISOString()}`;
};

const describeBlocker = ({ pid, flagKeys, applicationName, userName, state, since }: Blocker): string => {
  const flags = flagKeys.map((key) => `'${key}'`).join(', ');
  const what = flagKeys.length === 0 ? 'a lock is held' : `flag ${flags} is locked`;
  const details = [applicationName, userName && `user ${userName}`, state].filter(Boolean);
  const session = `database session ${pid}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
  const when = since ? `, in a transaction since ${since.toISOString()}` : '';
  return `${what} by ${session}${when}; to end it: SELECT pg_terminate_backend(${pid})`;
};

const describeWorkerError = (process: ServiceProcess): string[] => {
  const { workerError } = process.detail;
  return workerError ? [`the worker ${nameProcess(process)} failed at ${workerError.at}: ${workerError.message}`] : [];
};

const describeClock = (process: ServiceProcess): string => {
  const skewMs = process.clockSkewMs ?? 0;
  return `clocks differ: ${nameProcess(process)} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} the database, whose clock says what is due`;
};
