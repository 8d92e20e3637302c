import { containing } from '../../database/containing.ts';
import { isOpen } from '../../database/open-schedules.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import type { ScheduleCounts } from '../commands/schedule-store.ts';
import type { ScheduleFilter } from '../model/schedule-filter.ts';
import { dueAt } from './schedule-rows.ts';

/** The SQL condition for each field of a filter. A missing field does not compile. */
const conditions: { [Field in keyof ScheduleFilter]-?: (value: NonNullable<ScheduleFilter[Field]>) => Prisma.Sql } = {
  flagKey: (key) => Prisma.sql`d.flag_key = ${key}`,
  flagKeys: (keys) => Prisma.sql`d.flag_key = ANY (${[...keys]}::text[])`,
  environment: (key) => Prisma.sql`d.environment_key = ${key}`,
  statuses: (statuses) => Prisma.sql`d.status = ANY (${[...statuses]}::text[])`,
  open: (wanted) => (wanted ? isOpen : Prisma.sql`NOT ${isOpen}`),
  willRetry: (wanted) =>
    wanted ? Prisma.sql`d.next_retry_at IS NOT NULL` : Prisma.sql`(d.status = 'FAILED' AND d.next_retry_at IS NULL)`,
  createdBy: (userId) => Prisma.sql`d.created_by = ${userId}`,
  cancelledBy: (userId) => Prisma.sql`d.cancelled_by = ${userId}`,
  from: (instant) => Prisma.sql`d.scheduled_at >= ${instant}`,
  to: (instant) => Prisma.sql`d.scheduled_at < ${instant}`,
  createdFrom: (instant) => Prisma.sql`d.created_at >= ${instant}`,
  createdTo: (instant) => Prisma.sql`d.created_at < ${instant}`,
  appliedFrom: (instant) => Prisma.sql`d.applied_at >= ${instant}`,
  appliedTo: (instant) => Prisma.sql`d.applied_at < ${instant}`,
  search: (part) => {
    const pattern = `%${containing(part).contains}%`;
    return Prisma.sql`(d.flag_key ILIKE ${pattern} OR d.cancel_reason ILIKE ${pattern} OR d.error_message ILIKE ${pattern})`;
  },
};

const whereOf = (filter: ScheduleFilter): Prisma.Sql => {
  const wanted = Object.entries(conditions).flatMap(([field, condition]) => {
    const value = filter[field as keyof ScheduleFilter];
    return value == null ? [] : [(condition as (value: unknown) => Prisma.Sql)(value)];
  });
  return wanted.length > 0 ? Prisma.sql`WHERE ${Prisma.join(wanted, ' AND ')}` : Prisma.empty;
};

/** Counts schedules in one pass over those that match the filter. */
export const makeCountSchedules =
  (prisma: PrismaClient) =>
  async (filter: ScheduleFilter): Promise<ScheduleCounts> => {
    const [row] = await prisma.$queryRaw<[ScheduleCounts]>`
    SELECT count(*)::int AS total, count(*) FILTER (WHERE d.status = 'PENDING')::int AS pending,
      count(*) FILTER (WHERE d.status = 'APPLIED')::int AS applied,
      count(*) FILTER (WHERE d.status = 'FAILED')::int AS failed,
      count(*) FILTER (WHERE d.status = 'CANCELLED')::int AS cancelled, count(*) FILTER (WHERE ${isOpen})::int AS open,
      count(*) FILTER (WHERE d.next_retry_at IS NOT NULL)::int AS "willRetry",
      count(*) FILTER (WHERE d.status = 'FAILED' AND d.next_retry_at IS NULL)::int AS "gaveUp",
      count(*) FILTER (WHERE ${isOpen} AND ${dueAt} <= now() - interval '1 minute')::int AS overdue,
      count(*) FILTER (WHERE ${isOpen} AND ${dueAt} > now() AND ${dueAt} <= now() + interval '1 hour')::int AS "dueWithinHour",
      count(*) FILTER (WHERE ${isOpen} AND ${dueAt} > now() AND ${dueAt} <= now() + interval '1 day')::int AS "dueWithinDay"
    FROM feature_flag_schedules d ${whereOf(filter)}`;
    return row;
  };
