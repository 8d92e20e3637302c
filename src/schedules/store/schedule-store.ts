import { isOpen, setsStatus } from '../../database/open-schedules.ts';
import type { Queryable } from '../../database/queryable.ts';
import { Prisma, type PrismaClient, type Schedule as Row } from '../../generated/prisma/client.ts';
import type { ScheduleStore, StatePlace } from '../commands/schedule-store.ts';
import { conflictWindowMs } from '../model/schedule.ts';
import { makeOpenScheduleReader } from './open-schedules.ts';
import { makeFindScheduleActors } from './schedule-actors.ts';
import { having, listSchedules, toWhere } from './schedule-list.ts';
import { dueAt, scheduleColumns, toSchedule } from './schedule-rows.ts';

const maxConflicts = 100;
const maxRetriesListed = 100;
/** Limits the count, so that it stays cheap however many schedules are due. */
const mostDueCounted = 100_000;

/**
 * Selects the retries to come for each state, in the order of the states: the given columns of `d`, and `total`, which the
 * limit does not affect.
 */
const selectRetries = <Found>(prisma: Queryable, columns: Prisma.Sql, states: readonly StatePlace[], limit: number) =>
  prisma.$queryRaw<(Found & { n: number; total: number })[]>`
    SELECT wanted.n::int, waiting.* FROM unnest(${states.map(({ flagId }) => flagId)}::uuid[], ${states.map(({ environment }) => environment)}::text[])
      WITH ORDINALITY AS wanted (flag_id, environment_key, n)
    CROSS JOIN LATERAL (
      SELECT ${columns}, count(*) OVER ()::int AS total FROM feature_flag_schedules d
      WHERE d.flag_id = wanted.flag_id AND d.next_retry_at IS NOT NULL AND (d.environment_key = wanted.environment_key OR ${setsStatus})
      ORDER BY d.next_retry_at, d.id LIMIT ${limit}::int
    ) waiting`;

/** The retries to come for each state, in the order of the states. `total` also counts those beyond the limit. */
export const findRetries = async (prisma: Queryable, states: readonly StatePlace[], limit: number) => {
  const rows = await selectRetries<Row>(prisma, scheduleColumns, states, limit);
  const found = Map.groupBy(rows, ({ n }) => n);
  return states.map((_, index) => {
    const own = found.get(index + 1) ?? [];
    return { total: own[0]?.total ?? 0, soonest: own.map(toSchedule) };
  });
};

export const makeScheduleStore = (prisma: PrismaClient): ScheduleStore => ({
  ...makeOpenScheduleReader(prisma),
  actorsOf: makeFindScheduleActors(prisma),
  find: async (id) => {
    const row = await prisma.schedule.findUnique({ where: { id } });
    return row && toSchedule(row);
  },
  list: async (filter, slice, by = 'scheduledAt') => (await listSchedules(prisma, filter, by, slice)).map(toSchedule),
  count: (filter, by = 'scheduledAt') => prisma.schedule.count({ where: { AND: [toWhere(filter), having(by)] } }),
  findByIds: async (ids) => (await prisma.schedule.findMany({ where: { id: { in: [...ids] } } })).map(toSchedule),
  conflictsOf: async (schedules) => {
    const rows = await prisma.$queryRaw<{ of: string; id: string }[]>`
      SELECT wanted.id AS of, near.id FROM unnest(${schedules.map(({ id }) => id)}::uuid[], ${schedules.map(({ flagKey }) => flagKey)}::text[],
        ${schedules.map(({ environment }) => environment)}::text[], ${schedules.map(({ scheduledAt }) => scheduledAt)}::timestamptz[],
        ${schedules.map(({ updates }) => updates?.status != null)}::boolean[]) AS wanted (id, flag_key, environment_key, scheduled_at, sets_status)
      CROSS JOIN LATERAL (
        SELECT d.id, d.scheduled_at FROM feature_flag_schedules d
        WHERE d.flag_key = wanted.flag_key AND d.status = 'PENDING' AND d.id <> wanted.id
          AND (d.environment_key = wanted.environment_key OR wanted.sets_status OR ${setsStatus})
          AND d.scheduled_at BETWEEN wanted.scheduled_at - ${conflictWindowMs}::int * interval '1 ms'
            AND wanted.scheduled_at + ${conflictWindowMs}::int * interval '1 ms'
        ORDER BY d.scheduled_at, d.id LIMIT ${maxConflicts}
      ) near ORDER BY near.scheduled_at, near.id`;
    const found = Map.groupBy(rows, ({ of }) => of);
    return new Map(schedules.map(({ id }) => [id, (found.get(id) ?? []).map((near) => near.id)]));
  },
  upcomingRetriesOf: async (states) => {
    const rows = await selectRetries<{ id: string }>(prisma, Prisma.sql`d.id, d.next_retry_at`, states, maxRetriesListed);
    const found = Map.groupBy(rows, ({ n }) => n);
    return states.map((_, index) => (found.get(index + 1) ?? []).map(({ id }) => id));
  },
  backlog: async () => {
    const [row] = await prisma.$queryRaw<{ due: number; oldestLatenessMs: number }[]>`
      SELECT count(*)::int AS due,
        coalesce(extract(epoch FROM now() - min("dueAt")) * 1000, 0)::float8 AS "oldestLatenessMs"
      FROM (SELECT ${dueAt} AS "dueAt" FROM feature_flag_schedules d WHERE ${isOpen} AND ${dueAt} <= now()
        ORDER BY ${dueAt}, d.id LIMIT ${mostDueCounted}) due`;
    return row ?? { due: 0, oldestLatenessMs: 0 };
  },
});
