import { composeReads } from '../compose/reads.ts';
import type { Database } from '../database/database.ts';
import type { Schedule } from '../schedules/model/schedule.ts';
import { type ServiceStatus, toServiceStatus } from '../service/model/service-status.ts';
import type { Plain } from './plain.ts';

/** The answer of `serviceStatus` as JSON, read from the database or from the running service. */
export type ServiceReport = Plain<
  Omit<ServiceStatus, 'processes' | 'overdueSchedules' | 'log'> & {
    processes: readonly (Omit<ServiceStatus['processes'][number], 'detail'> & {
      spool: { waiting: number; lost: number; deadLetters: number } | null;
      workerError: string | null;
    })[];
    overdueSchedules: Omit<ServiceStatus['overdueSchedules'], 'schedules'> & { schedules: readonly OverdueSchedule[] };
    log: Omit<ServiceStatus['log'], 'checkpoint'> & { signedSize: number | null; signedAt: Date | null };
    losses: { flagtrail: number; applications: number };
  }
>;
type OverdueSchedule = Pick<Schedule, 'id' | 'flagKey' | 'environment' | 'scheduledAt' | 'nextRetryAt' | 'status' | 'lastError'>;

export const serviceReportQuery = `{ serviceStatus {
  databaseTime
  processes { id roles version host pid startedAt lastSeenAt isSeen clockSkewMs spool { waiting lost deadLetters } workerError }
  missingRoles
  overdueSchedules { count oldestDueAt latenessMs causes schedules { id flagKey environment scheduledAt nextRetryAt status lastError } }
  sinks { name position lag lastError lastErrorAt updatedAt }
  sequencer { waiting oldestMs }
  log { id epoch size prunedTo signingKey signedSize signedAt }
  losses { flagtrail applications }
  warnings
} }`;

/**
 * Reads from the database what the API would answer. If this command could open the embedded database, no process of the
 * service runs.
 */
export const readServiceReport = async (database: Database): Promise<ServiceReport> => {
  const { readServiceFacts, log: events } = composeReads(database);
  const [facts, losses] = await Promise.all([readServiceFacts(), events.declaredLost()]);
  const isFree = database.kind === 'pglite';
  const processes = facts.processes.map((process) => ({ ...process, isSeen: process.isSeen && !isFree }));
  const { overdueSchedules, log, ...status } = toServiceStatus({ ...facts, processes });
  const report = {
    ...status,
    processes: processes.map(({ detail, ...process }) => ({
      ...process,
      spool: detail.spool ? { ...detail.spool, deadLetters: detail.spool.deadLetters ?? 0 } : null,
      workerError: detail.workerError?.message ?? null,
    })),
    overdueSchedules: {
      ...overdueSchedules,
      schedules: overdueSchedules.schedules.map(
        ({ id, flagKey, environment, scheduledAt, nextRetryAt, status: state, lastError }) => ({
          ...{ id, flagKey, environment, scheduledAt, nextRetryAt, status: state, lastError },
        }),
      ),
    },
    log: toLogReport(log),
    losses,
  };
  return JSON.parse(JSON.stringify(report)) as ServiceReport;
};

const toLogReport = ({ checkpoint, ...log }: ServiceStatus['log']) => ({
  ...log,
  signedSize: checkpoint?.size ?? null,
  signedAt: checkpoint?.signedAt ?? null,
});
