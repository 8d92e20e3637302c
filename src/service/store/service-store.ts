import { outboxLag } from '../../audit/store/outbox.ts';
import type { Database } from '../../database/database.ts';
import { sqlStateOf } from '../../database/database-errors.ts';
import { isOpen } from '../../database/open-schedules.ts';
import { Prisma, type Schedule as ScheduleRow } from '../../generated/prisma/client.ts';
import { dueAt, scheduleColumns, toSchedule } from '../../schedules/store/schedule-rows.ts';
import type { ServiceStore } from '../commands/service-store.ts';
import { type Blocker, type LogFacts, mostOverdueCounted, overdueAfterMs, type ServiceFacts } from '../model/service-facts.ts';
import { type ProcessDetail, type ProcessRole, seenWithinMs } from '../model/service-process.ts';
import { findLockHolders } from './lock-holders.ts';

/** How many overdue schedules are read, to check their flags for locks and to show some of them. */
const mostOverdueRead = 100;

/** What the database knows about the service. */
export const makeServiceStore = ({ prisma, kind }: Pick<Database, 'prisma' | 'kind'>): ServiceStore => {
  const isEmbedded = kind === 'pglite';
  return {
    announce: async ({ id, roles, version, host, pid, clockSkewMs, detail }) => {
      // The embedded database has one process at a time, so any other process on the list was killed.
      const isGone = isEmbedded ? Prisma.sql`true` : Prisma.sql`last_seen_at < clock_timestamp() - interval '1 day'`;
      const [row] = await prisma.$queryRaw<[{ now: Date }]>`
        WITH gone AS (DELETE FROM service_processes WHERE id <> ${id}::uuid AND ${isGone})
        INSERT INTO service_processes AS p (id, roles, version, host, pid, clock_skew_ms, detail)
        VALUES (${id}::uuid, ${[...roles]}::text[], ${version}, ${host}, ${pid}::int, ${clockSkewMs}::float8, ${JSON.stringify(detail)}::jsonb)
        ON CONFLICT (id) DO UPDATE SET last_seen_at = clock_timestamp(), clock_skew_ms = excluded.clock_skew_ms, detail = excluded.detail
        RETURNING clock_timestamp() AS now`;
      return row.now;
    },
    withdraw: async (id) => {
      await prisma.$executeRaw`DELETE FROM service_processes WHERE id = ${id}::uuid`;
    },
    readFacts: async () => {
      const [facts, overdue] = await Promise.all([readCheapFacts(prisma), readOverdue(prisma)]);
      const flagIds = [...new Set(overdue.map(({ flagId }) => flagId).filter((id) => id !== null))];
      const blockers: Blocker[] = overdue.length > 0 && !isEmbedded ? await findLockHolders(prisma, flagIds) : [];
      const schedules = overdue.map((row) => ({ ...toSchedule(row), dueAt: row.dueAt }));
      return { ...facts, isEmbedded, overdue: { count: facts.overdueCount, schedules, blockers } };
    },
  };
};

type OverdueRow = ScheduleRow & { dueAt: Date };

/** Written like the condition of the partial index `feature_flag_schedules_due`, so that the index is used. */
const isOverdue = Prisma.sql`${isOpen} AND ${dueAt} <= clock_timestamp() - ${overdueAfterMs}::int * interval '1 millisecond'`;

const readOverdue = (prisma: Database['prisma']) =>
  prisma.$queryRaw<OverdueRow[]>`
    SELECT ${scheduleColumns}, ${dueAt} AS "dueAt" FROM feature_flag_schedules d
    WHERE ${isOverdue} ORDER BY ${dueAt}, d.id LIMIT ${mostOverdueRead}`;

type Row = {
  now: Date;
  processes: {
    id: string;
    roles: ProcessRole[];
    version: string;
    host: string;
    pid: number;
    startedAt: string;
    lastSeenAt: string;
    clockSkewMs: number | null;
    detail: ProcessDetail;
  }[];
  sinks: { name: string; position: number; lastError: string | null; lastErrorAt: string | null; updatedAt: string }[];
  log: Omit<LogFacts, 'checkpoint'> & { checkpoint: { size: number; signedAt: string } | null };
  overdueCount: number;
};

const lockTimeout = '55P03';

const readOutbox = async (prisma: Database['prisma']): Promise<ServiceFacts['sequencer']> => {
  try {
    const { waiting, oldestMs } = await outboxLag(prisma);
    return { waiting, oldestMs: Math.max(0, oldestMs) };
  } catch (error) {
    if (sqlStateOf(error) === lockTimeout) return null;
    throw error;
  }
};

/** Reads what takes only a few rows in one statement. What a lock can delay is read in another one. */
const readCheapFacts = async (
  prisma: Database['prisma'],
): Promise<Omit<ServiceFacts, 'isEmbedded' | 'overdue'> & { overdueCount: number }> => {
  const [row] = await prisma.$queryRaw<[Row]>`
    SELECT clock_timestamp() AS now,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'roles', p.roles, 'version', p.version, 'host', p.host, 'pid', p.pid,
          'startedAt', p.started_at, 'lastSeenAt', p.last_seen_at, 'clockSkewMs', p.clock_skew_ms, 'detail', p.detail)
          ORDER BY p.last_seen_at DESC, p.id), '[]')
        FROM service_processes p) AS processes,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('name', c.name, 'position', c.position, 'lastError', c.last_error,
          'lastErrorAt', c.last_error_at, 'updatedAt', c.updated_at) ORDER BY c.name), '[]')
        FROM sink_cursors c) AS sinks,
      (SELECT jsonb_build_object('id', h.log_id, 'epoch', h.epoch, 'size', h.size, 'prunedTo', h.pruned_to, 'signingKey', h.signing_key, 'checkpoint',
          (SELECT jsonb_build_object('size', c.size, 'signedAt', c.signed_at) FROM audit_checkpoints c
            WHERE c.epoch = h.epoch ORDER BY c.size DESC LIMIT 1))
        FROM audit_head h) AS log,
      (SELECT count(*)::int FROM (SELECT 1 FROM feature_flag_schedules d WHERE ${isOverdue} ORDER BY ${dueAt} LIMIT ${mostOverdueCounted}) o)
        AS "overdueCount"`;
  const { now, processes, sinks, log, overdueCount } = row;
  return {
    databaseTime: now,
    processes: processes.map(({ startedAt, lastSeenAt, ...process }) => ({
      ...process,
      startedAt: new Date(startedAt),
      lastSeenAt: new Date(lastSeenAt),
      isSeen: now.getTime() - new Date(lastSeenAt).getTime() <= seenWithinMs,
    })),
    sinks: sinks.map(({ position, lastErrorAt, updatedAt, ...sink }) => ({
      ...sink,
      position,
      lag: Math.max(0, log.size - position),
      lastErrorAt: lastErrorAt === null ? null : new Date(lastErrorAt),
      updatedAt: new Date(updatedAt),
    })),
    log: { ...log, checkpoint: log.checkpoint && { ...log.checkpoint, signedAt: new Date(log.checkpoint.signedAt) } },
    sequencer: await readOutbox(prisma),
    overdueCount,
  };
};
