import { containing } from '../../database/containing.ts';
import { mergedList } from '../../database/merged-list.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { Prisma, Schedule as Row } from '../../generated/prisma/client.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { ScheduleCursor } from '../commands/schedule-store.ts';
import type { ScheduleFilter, ScheduleTime } from '../model/schedule-filter.ts';

/** The five kinds of schedules, apart from each other. FAILED ones are two: those that are tried again, and the others. */
const kinds = {
  PENDING: { status: 'PENDING' },
  APPLIED: { status: 'APPLIED' },
  CANCELLED: { status: 'CANCELLED' },
  // No status: none but FAILED ones have a retry due, and their index is on that alone.
  RETRYING: { nextRetryAt: { not: null } },
  GAVE_UP: { status: 'FAILED', nextRetryAt: null },
} satisfies Record<string, Prisma.ScheduleWhereInput>;
type Kind = keyof typeof kinds;
const isFailed = (kind: Kind) => kind === 'RETRYING' || kind === 'GAVE_UP';
const isOpen = (kind: Kind) => kind === 'PENDING' || kind === 'RETRYING';

/** What a filter says of status and retries, as restrictions of which a schedule meets exactly one; null: it says nothing. */
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

/** The rest of a filter. */
const toWhere = (filter: ScheduleFilter): Prisma.ScheduleWhereInput => {
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

/** Everything that a filter asks for. */
export const toWholeWhere = (filter: ScheduleFilter): Prisma.ScheduleWhereInput => {
  const ofKinds = kindsOf(filter);
  if (!ofKinds) return toWhere(filter);
  // Prisma takes an OR of nothing for no restriction.
  return ofKinds.length > 0 ? { AND: [toWhere(filter), { OR: ofKinds }] } : { id: { in: [] } };
};

/** Those that have an instant to be ordered by. */
export const having = (by: ScheduleTime): Prisma.ScheduleWhereInput => (by === 'appliedAt' ? { appliedAt: { not: null } } : {});

/** Rows beyond a place in the list; both halves use the index on (…, instant, id). */
const beyond = (by: ScheduleTime, { at, id }: ScheduleCursor, operator: 'gt' | 'lt'): Prisma.ScheduleWhereInput => ({
  [by]: operator === 'gt' ? { gte: at } : { lte: at },
  OR: [{ [by]: { [operator]: at } }, { [by]: at, id: { [operator]: id } }],
});

/** A page of schedules in the order of one of their instants; those that have none are not in it. */
export const listSchedules = async (
  prisma: Queryable,
  filter: ScheduleFilter,
  by: ScheduleTime,
  { after, before, limit, inverted }: Slice<ScheduleCursor>,
): Promise<Row[]> => {
  const direction = inverted ? 'desc' : 'asc';
  const restrictions = [
    toWhere(filter),
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
