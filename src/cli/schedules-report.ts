import { composeReads } from '../compose/reads.ts';
import type { Database } from '../database/database.ts';
import { FlagNotFoundError } from '../flags/model/flag-errors.ts';
import { type FlagUpdates, updateFields } from '../flags/model/flag-updates.ts';
import { withoutNulls } from '../kernel/without-nulls.ts';
import type { Schedule, ScheduleStatus } from '../schedules/model/schedule.ts';
import { toServiceStatus } from '../service/model/service-status.ts';
import type { AskService } from './ask-service.ts';
import type { Plain } from './plain.ts';

export type SchedulesWanted = { flagKey: string; environment?: string; statuses?: ScheduleStatus[]; limit: number };

const shown = [
  'id',
  'environment',
  'scheduledAt',
  'status',
  'createdAt',
  'createdBy',
  'appliedAt',
  'cancelledAt',
  'cancelledBy',
  'cancelReason',
  'errorMessage',
  'lastError',
  'lastErrorAt',
  'retryCount',
  'maxRetries',
  'nextRetryAt',
] as const satisfies (keyof Schedule)[];

type Row = Pick<Schedule, (typeof shown)[number]> & {
  updates: FlagUpdates;
  lastEvent: { eventType: string; occurredAt: Date; description: string } | null;
};
type Found = { databaseTime: Date; total: number; causes: readonly string[]; schedules: readonly Row[] };

/** One schedule, in the form that `--json` writes. */
export type ScheduleReport = Plain<Row> & {
  /** Milliseconds: how late an applied schedule was, or how long an open one has been due; null for others. */
  latenessMs: number | null;
};
export type SchedulesReport = {
  flagKey: string;
  databaseTime: string;
  /** How many schedules match; only the latest are shown. */
  total: number;
  /** Why the service's schedules are overdue, as far as known. */
  causes: readonly string[];
  schedules: ScheduleReport[];
};

/**
 * Reads a flag's latest schedules from the database, oldest due first. Throws a FlagNotFoundError if neither the flag nor any
 * schedule of it exists.
 */
export const readSchedules = async (database: Database, wanted: SchedulesWanted): Promise<SchedulesReport> => {
  const { flagKey, environment, statuses, limit } = wanted;
  const { schedules: store, flags, findLastEvents, readServiceFacts } = composeReads(database);
  const filter = { flagKey, environment, statuses };
  const [page, total, facts] = await Promise.all([
    store.list(filter, { limit, inverted: true }),
    store.count(filter),
    readServiceFacts(),
  ]);
  if (total === 0 && !(await flags.find(flagKey)) && (await store.count({ flagKey })) === 0) {
    throw new FlagNotFoundError(flagKey);
  }
  const events = await findLastEvents(page.map(({ id }) => id));
  const schedules = page.reverse().map((schedule) => ({ ...schedule, lastEvent: events.get(schedule.id) ?? null }));
  const { databaseTime, overdueSchedules } = toServiceStatus(facts);
  return toReport(flagKey, JSON.parse(JSON.stringify({ databaseTime, total, causes: overdueSchedules.causes, schedules })));
};

const query = `query ($flagKey: String!, $environment: String, $statuses: [ScheduleStatus!], $limit: Int!) {
  flag(key: $flagKey) { key }
  serviceStatus { databaseTime overdueSchedules { causes } }
  schedules(filter: { flagKey: $flagKey, environment: $environment, statuses: $statuses }, last: $limit) {
    totalCount
    edges { node { ${shown.join(' ')}
      updates { ${updateFields.map((field) => (field === 'rules' ? 'rules { key description targeting }' : field)).join(' ')} }
      auditEvents(first: 1) { edges { node { eventType occurredAt description } } } } } } }`;

type Answer = {
  flag: object | null;
  serviceStatus: { databaseTime: string; overdueSchedules: { causes: string[] } };
  schedules: {
    totalCount: number;
    edges: {
      node: Omit<Plain<Row>, 'lastEvent'> & { auditEvents: { edges: { node: NonNullable<Plain<Row>['lastEvent']> }[] } };
    }[];
  };
};

/** Reads the same from the running service. */
export const askForSchedules = async (ask: AskService, wanted: SchedulesWanted): Promise<SchedulesReport> => {
  const { flag, schedules, serviceStatus } = await ask<Answer>(query, wanted);
  if (!flag && schedules.totalCount === 0) throw new FlagNotFoundError(wanted.flagKey);
  return toReport(wanted.flagKey, {
    databaseTime: serviceStatus.databaseTime,
    total: schedules.totalCount,
    causes: serviceStatus.overdueSchedules.causes,
    schedules: schedules.edges.map(({ node: { auditEvents, ...node } }) => ({
      ...node,
      lastEvent: auditEvents.edges[0]?.node ?? null,
    })) as Plain<Row>[],
  });
};

const toReport = (flagKey: string, { databaseTime, total, causes, schedules }: Plain<Found>): SchedulesReport => ({
  flagKey,
  databaseTime,
  total,
  causes,
  schedules: schedules.map((row) => ({
    ...(Object.fromEntries(shown.map((name) => [name, row[name]])) as Pick<Plain<Row>, (typeof shown)[number]>),
    updates: withoutNulls(row.updates) as Plain<FlagUpdates>,
    lastEvent: row.lastEvent,
    latenessMs: latenessOf(row, Date.parse(databaseTime)),
  })),
});

const latenessOf = ({ status, scheduledAt, appliedAt, nextRetryAt }: Plain<Row>, nowMs: number): number | null => {
  if (status === 'APPLIED' && appliedAt !== null) return Date.parse(appliedAt) - Date.parse(scheduledAt);
  if (status === 'PENDING') return Math.max(0, nowMs - Date.parse(scheduledAt));
  if (status === 'FAILED' && nextRetryAt !== null) return Math.max(0, nowMs - Date.parse(nextRetryAt));
  return null;
};
