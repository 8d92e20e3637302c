import { containing } from '../../database/containing.ts';
import { mergedList } from '../../database/merged-list.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { Prisma, Schedule as Row } from '../../generated/prisma/client.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { ScheduleCursor } from '../commands/schedule-store.ts';
import type { ScheduleFilter, ScheduleTime } from '../model/schedule-filter.ts';

/** Five kinds of schedules that do not overlap. FAILED is two kinds: with and without a retry to come. */
const kinds = {
  PENDING: { status: 'PENDING' },
  APPLIED: { status: 'APPLIED' },
  CANCELLED: { status: 'CANCELLED' },
  // Leaves out the status: only FAILED schedules have a retry to come, and their index covers `nextRetryAt` alone.
  RETRYING: { nextRetryAt: { not: null } },
  GAVE_UP: { status: 'FAILED', nextRetryAt: null },
} satisfies Record<string, Prisma.ScheduleWhereInput>;
type Kind = keyof typeof kinds;
const isFailed = (kind: Kind) => kind === 'RETRYING' || kind === 'GAVE_UP';
const isOpen = (kind: Kind) => kind === 'PENDING' || kind === 'RETRYING';

/**
 * The kinds that a filter's `statuses`, `open` and `willRetry` allow; null if it has none of these. Each schedule matches at
 * most one.
 */
const kindsOf = ({ statuses, open, willRetry }: ScheduleFilter): Prisma.ScheduleWhereInput[] | null => {
  if (!statuses && open == null && willRetry == null) return null;
  const wanted = (Object.keys(kinds) as Kind[]).filter(
    (kind) =>
      (!statuses || statuses.some((status) => (status === 'FAILED' ? isFailed(kind) : status === kind))) &&
      (open == null || open === isOpen(kind)) &&
      (willRetry == null || kind === (willRetry ? 'RETRYING' : 'GAVE_UP')),
  );
  const others = wanted.filter((kind) => !isFailed(kind)).map((kind) => kinds[kind]);
  const failed = wanted.filter(isFailed);
  return [...others, ...(failed.length === 2 ? [{ status: 'FAILED' }] : failed.map((kind) => kinds[kind]))];
};

const range = (from: Date | null | undefined, to: Date | null | undefined): Prisma.DateTimeNullableFilter | undefined =>
  from || to ? { ...(from && { gte: from }), ...(to && { lt: to }) } : undefined;

/** The conditions of a filter, except those of `kindsOf`. */
const otherConditions = (filter: ScheduleFilter): Prisma.ScheduleWhereInput => {
  const { flagKey, flagKeys, environment, createdBy, cancelledBy, search } = filter;
  const [scheduledAt, createdAt] = [range(filter.from, filter.to), range(filter.createdFrom, filter.createdTo)];
  const appliedAt = range(filter.appliedFrom, filter.appliedTo);
  return {
    ...(flagKey != null && { flagKey }),
    ...(flagKeys && { AND: { flagKey: { in: [...flagKeys] } } }),
    ...(environment != null && { environmentKey: environment }),
    ...(createdBy != null && { createdBy }),
    ...(cancelledBy != null && { cancelledBy }),
    ...(scheduledAt && { scheduledAt: scheduledAt as Prisma.DateTimeFilter }),
    ...(createdAt && { createdAt: createdAt as Prisma.DateTimeFilter }),
    ...(appliedAt && { appliedAt }),
    ...(search != null && {
      OR: [{ flagKey: containing(search) }, { cancelReason: containing(search) }, { errorMessage: containing(search) }],
    }),
  };
};

/** All conditions of a filter. */
export const toWhere = (filter: ScheduleFilter): Prisma.ScheduleWhereInput => {
  const ofKinds = kindsOf(filter);
  if (!ofKinds) return otherConditions(filter);
  // Prisma ignores an empty OR, but here nothing must match.
  return ofKinds.length > 0 ? { AND: [otherConditions(filter), { OR: ofKinds }] } : { id: { in: [] } };
};

/** Leaves out schedules that lack the instant that orders the list. */
export const having = (by: ScheduleTime): Prisma.ScheduleWhereInput => (by === 'appliedAt' ? { appliedAt: { not: null } } : {});

/** Rows after or before a place in the list. Both halves use the index on (…, instant, id). */
const beyond = (by: ScheduleTime, { at, id }: ScheduleCursor, operator: 'gt' | 'lt'): Prisma.ScheduleWhereInput => ({
  [by]: operator === 'gt' ? { gte: at } : { lte: at },
  OR: [{ [by]: { [operator]: at } }, { [by]: at, id: { [operator]: id } }],
});

/** A page of schedules, ordered by one of their instants. Schedules without that instant are left out. */
export const listSchedules = async (
  prisma: Queryable,
  filter: ScheduleFilter,
  by: ScheduleTime,
  { after, before, limit, inverted }: Slice<ScheduleCursor>,
): Promise<Row[]> => {
  const direction = inverted ? 'desc' : 'asc';
  const restrictions = [
    otherConditions(filter),
    having(by),
    ...(after ? [beyond(by, after, 'gt')] : []),
    ...(before ? [beyond(by, before, 'lt')] : []),
  ];
  return mergedList(kindsOf(filter), {
    page: (kind) =>
      prisma.schedule.findMany({
        where: { AND: [...restrictions, ...(kind ? [kind] : [])] },
        orderBy: [{ [by]: direction }, { id: direction }],
        take: limit,
      }),
    compare: (a, b) => comparePlaces(by, a, b) * (inverted ? -1 : 1),
    limit,
  });
};

const comparePlaces = (by: ScheduleTime, a: Row, b: Row): number => Number(a[by]) - Number(b[by]) || (a.id < b.id ? -1 : 1);
