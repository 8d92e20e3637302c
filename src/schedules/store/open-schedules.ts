import { isOpen, setsStatus } from '../../database/open-schedules.ts';
import type { Queryable } from '../../database/queryable.ts';
import { Prisma, type Schedule as Row } from '../../generated/prisma/client.ts';
import type { OpenScheduleReader, OpenScope } from '../commands/schedule-store.ts';
import { dueAt, scheduleColumns, toSchedule } from './schedule-rows.ts';

/** Uses the partial indexes on open schedules, so that past schedules cost nothing. */
const within = ({ flagId, environment }: OpenScope): Prisma.Sql => {
  if (flagId === undefined) return Prisma.sql`d.environment_key = ${environment}`;
  if (environment === undefined) return Prisma.sql`d.flag_id = ${flagId}::uuid`;
  return Prisma.sql`d.flag_id = ${flagId}::uuid AND (d.environment_key = ${environment} OR ${setsStatus})`;
};

export const makeOpenScheduleReader = (prisma: Queryable): OpenScheduleReader => ({
  listOpen: async (scope, { after, before, limit, inverted }) => {
    const direction = inverted ? Prisma.sql`DESC` : Prisma.sql`ASC`;
    const rows = await prisma.$queryRaw<Row[]>`SELECT ${scheduleColumns} FROM feature_flag_schedules d
      WHERE ${within(scope)} AND ${isOpen}
        ${after ? Prisma.sql`AND (${dueAt}, d.id) > (${after.at}, ${after.id}::uuid)` : Prisma.empty}
        ${before ? Prisma.sql`AND (${dueAt}, d.id) < (${before.at}, ${before.id}::uuid)` : Prisma.empty}
      ORDER BY ${dueAt} ${direction}, d.id ${direction} LIMIT ${limit}`;
    return rows.map(toSchedule);
  },
  countOpen: async (scope) => {
    const [row] = await prisma.$queryRaw<{ count: number }[]>`
      SELECT count(*)::int AS count FROM feature_flag_schedules d WHERE ${within(scope)} AND ${isOpen}`;
    return row?.count ?? 0;
  },
  listOpenWithVariants: async (flagId, afterId, limit) => {
    const rows = await prisma.$queryRaw<Row[]>`SELECT ${scheduleColumns} FROM feature_flag_schedules d
      WHERE d.flag_id = ${flagId}::uuid AND ${isOpen} AND d.updates ?| ARRAY['defaultVariant', 'rules']
        ${afterId === null ? Prisma.empty : Prisma.sql`AND d.id > ${afterId}::uuid`}
      ORDER BY d.id LIMIT ${limit}`;
    return rows.map(toSchedule);
  },
});
