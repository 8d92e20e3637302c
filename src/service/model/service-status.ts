import type { Schedule } from '../../schedules/model/schedule.ts';
import { overdueCauses } from './overdue-causes.ts';
import { mostOverdueCounted, type ServiceFacts, type SinkFacts } from './service-facts.ts';
import { isSkewed, nameProcess, type ProcessRole, processRoles, type ServiceProcess } from './service-process.ts';

/** How the service is doing, for people: what the database knows about it, and what is wrong. */
export type ServiceStatus = {
  databaseTime: Date;
  processes: readonly ServiceProcess[];
  missingRoles: readonly ProcessRole[];
  overdueSchedules: {
    count: number;
    oldestDueAt: Date | null;
    latenessMs: number;
    /** Why, as far as known. */
    causes: readonly string[];
    /** The oldest of them. */
    schedules: readonly Schedule[];
  };
  sinks: readonly SinkFacts[];
  sequencer: ServiceFacts['sequencer'];
  log: ServiceFacts['log'];
  /** Everything that somebody should look at, one sentence each; empty if all is well. */
  warnings: readonly string[];
};

const mostShown = 10;
const longestSequencingMs = 60_000;
/** A sink that has not moved for this long is no longer in use, so its old error is not reported. */
const sinkMemoryMs = 10 * 60_000;

/** Judges the facts: which roles are missing, what is overdue and why, and what else needs attention. */
export const toServiceStatus = (facts: ServiceFacts): ServiceStatus => {
  const { databaseTime, processes, overdue, sinks, sequencer, log } = facts;
  const missingRoles = findMissingRoles(processes);
  const oldestDueAt = overdue.schedules[0]?.dueAt ?? null;
  const overdueSchedules = {
    count: overdue.count,
    oldestDueAt,
    latenessMs: oldestDueAt ? databaseTime.getTime() - oldestDueAt.getTime() : 0,
    causes: overdueCauses(facts),
    schedules: overdue.schedules.slice(0, mostShown),
  };
  return {
    databaseTime,
    processes,
    missingRoles,
    overdueSchedules,
    sinks,
    sequencer,
    log,
    warnings: [
      ...describeMissingRoles(missingRoles, facts.isEmbedded),
      ...(overdue.count > 0 ? [describeOverdue(overdueSchedules)] : []),
      ...processes.filter(({ isSeen, clockSkewMs }) => isSeen && isSkewed(clockSkewMs)).map(describeSkew),
      ...describeSequencer(sequencer),
      ...sinks
        .filter(({ updatedAt }) => databaseTime.getTime() - updatedAt.getTime() < sinkMemoryMs)
        .flatMap(({ name, lastError, lag }) =>
          lastError === null
            ? []
            : [`sink '${name}' takes nothing, ${lag} ${lag === 1 ? 'event waits' : 'events wait'} for it: ${lastError}`],
        ),
      ...processes.filter(({ isSeen }) => isSeen).flatMap(describeSigning),
      ...processes.filter(({ isSeen }) => isSeen).flatMap(describeSpool),
      ...processes.filter(({ isSeen }) => isSeen).flatMap(describeDeadLetters),
    ],
  };
};

/** The roles that no running process has. */
const findMissingRoles = (processes: readonly ServiceProcess[]): ProcessRole[] => {
  const running = new Set(processes.filter(({ isSeen }) => isSeen).flatMap(({ roles }) => roles));
  return processRoles.filter((role) => !running.has(role));
};

const effectsOfMissingRole: Record<ProcessRole, string> = {
  api: 'nobody can read or change anything',
  worker: 'no schedule is applied',
  audit: 'no event reaches the log and the sinks',
};

const describeMissingRoles = (missing: readonly ProcessRole[], isEmbedded: boolean): string[] =>
  isEmbedded && missing.length === processRoles.length
    ? ['no service runs on the embedded database: start one with `flagtrail serve`']
    : missing.map((role) => describeMissingRole(role, isEmbedded));

const describeMissingRole = (role: ProcessRole, isEmbedded: boolean): string =>
  isEmbedded
    ? `the role ${role} is not in ROLES, so ${effectsOfMissingRole[role]}; no other process can run it, because the embedded database has one process at a time: add it to ROLES, or use PostgreSQL`
    : `no process runs the role ${role}, so ${effectsOfMissingRole[role]}: start one with ROLES=${role}`;

const describeOverdue = ({ count, oldestDueAt, schedules, causes }: ServiceStatus['overdueSchedules']): string => {
  const oldest = schedules[0];
  const which = oldest ? ` (flag '${oldest.flagKey}' in ${oldest.environment})` : '';
  const many =
    count >= mostOverdueCounted ? `${count} schedules or more are` : count === 1 ? '1 schedule is' : `${count} schedules are`;
  return `${many} overdue, the oldest since ${oldestDueAt?.toISOString()}${which}: ${causes.join('; ')}`;
};

/** One sentence about a clock that differs from the database's. */
export const describeSkew = (process: Pick<ServiceProcess, 'host' | 'pid' | 'roles' | 'clockSkewMs'>): string => {
  const skewMs = process.clockSkewMs ?? 0;
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  return `the clock of ${nameProcess(process)} is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the database's: synchronise both by NTP`;
};

const describeSequencer = (sequencer: ServiceFacts['sequencer']): string[] => {
  if (!sequencer)
    return [
      'a lock on the table audit_outbox keeps events out of the log: changes still work, and their events wait on disk; pg_locks shows who holds it',
    ];
  const { waiting, oldestMs } = sequencer;
  if (waiting === 0 || oldestMs <= longestSequencingMs) return [];
  return [
    `${waiting} ${waiting === 1 ? 'event waits' : 'events wait'} for a place in the log, the oldest for ${Math.round(oldestMs / 1000)} s: see the log of the processes with the role audit`,
  ];
};

/** A process that does not sign the log any more, and why. */
export const describeSigning = (process: Pick<ServiceProcess, 'host' | 'pid' | 'roles' | 'detail'>): string[] => {
  const { signing } = process.detail;
  return signing ? [`${nameProcess(process)} signs no checkpoints: ${signing.refused}`] : [];
};

const describeSpool = (process: ServiceProcess): string[] => {
  const { waiting = 0 } = process.detail.spool ?? {};
  if (waiting === 0) return [];
  return [
    `${waiting} ${waiting === 1 ? 'event waits' : 'events wait'} on the disk of ${nameProcess(process)}, because the database did not take ${waiting === 1 ? 'it' : 'them'}`,
  ];
};

const describeDeadLetters = (process: ServiceProcess): string[] => {
  const { deadLetters = 0 } = process.detail.spool ?? {};
  if (deadLetters === 0) return [];
  const what = deadLetters === 1 ? '1 event that was given up is' : `${deadLetters} events that were given up are`;
  return [`${what} in dead-letters.ndjson in the DATA_DIR of ${nameProcess(process)}: look at the file, then move it away`];
};
