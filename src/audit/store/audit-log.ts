import { mergedList } from '../../database/merged-list.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';
import type { AuditLog } from '../ports/audit-log.ts';

const columns = { position: true, sealedAt: true, entry: true } as const;

const toLogEntry = ({ position, sealedAt, entry }: { position: bigint; sealedAt: Date; entry: string }): LogEntry => ({
  position: Number(position),
  sealedAt,
  event: JSON.parse(entry),
  entry,
});

const toWhere = ({ types, environment, from, to, ...columnFilters }: AuditEventFilter): Prisma.AuditLogEntryWhereInput => ({
  ...Object.fromEntries(Object.entries(columnFilters).filter(([, value]) => value != null)),
  ...(environment != null && { OR: [{ environment }, { allEnvironments: true }] }),
  ...(types && { eventType: { in: [...types] } }),
  ...((from || to) && { occurredAt: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
});

/** The log in the database. */
export const makeAuditLog = (prisma: PrismaClient): AuditLog => {
  const size = async () => Number((await prisma.auditHead.findUniqueOrThrow({ where: { id: 1 }, select: { size: true } })).size);
  const inOrder = <Row extends { position: bigint }>(
    filter: AuditEventFilter,
    { after, before, limit, inverted }: Slice<number>,
    read: (query: Pick<Prisma.AuditLogEntryFindManyArgs, 'where' | 'orderBy' | 'take'>) => Promise<Row[]>,
  ) => {
    const position = { ...(after !== undefined && { gt: after }), ...(before !== undefined && { lt: before }) };
    return mergedList(filter.types, {
      page: (type) =>
        read({
          where: { ...toWhere({ ...filter, types: type === null ? null : [type] }), position },
          orderBy: { position: inverted ? 'desc' : 'asc' },
          take: limit,
        }),
      compare: (a, b) => (a.position < b.position === inverted ? 1 : -1),
      limit,
    });
  };
  /** Those of the chosen entries that fit, in order. The database knows an entry's length without reading the entry. */
  const readFitting = async (which: Prisma.Sql, maxBytes: number) => {
    const rows = await prisma.$queryRaw<{ position: bigint; sealedAt: Date; entry: string }[]>`
      SELECT position, sealed_at AS "sealedAt", entry
      FROM (SELECT position, sealed_at, entry, sum(octet_length(entry)) OVER (ORDER BY position) - octet_length(entry) AS bytes_before
            FROM audit_log WHERE ${which}) sized
      WHERE bytes_before < ${maxBytes} ORDER BY position`;
    return rows.map(toLogEntry);
  };
  const list: AuditLog['list'] = async (filter, { maxBytes, ...slice }) => {
    if (maxBytes === undefined) {
      const rows = await inOrder(filter, slice, (query) => prisma.auditLogEntry.findMany({ select: columns, ...query }));
      return rows.map(toLogEntry);
    }
    const { after = 0, before, limit } = slice;
    if (Object.keys(toWhere(filter)).length > 0) {
      const rows = await inOrder(filter, slice, (query) =>
        prisma.auditLogEntry.findMany({ select: { position: true }, ...query }),
      );
      const positions = rows.map(({ position }) => position);
      return positions.length === 0 ? [] : readFitting(Prisma.sql`position = ANY(${positions})`, maxBytes);
    }
    // Positions have no gaps, so `limit` entries end here.
    const end = Math.min(after + limit + 1, before ?? Number.POSITIVE_INFINITY);
    return readFitting(Prisma.sql`position > ${after} AND position < ${end}`, maxBytes);
  };
  return {
    find: async (id) => {
      const row = await prisma.auditLogEntry.findUnique({ select: columns, where: { id } });
      return row && toLogEntry(row);
    },
    list,
    // Without a filter, the head knows the count, so that millions of rows need not be counted.
    count: async (filter) => {
      const where = toWhere(filter);
      return Object.keys(where).length === 0 ? size() : prisma.auditLogEntry.count({ where });
    },
    size,
    // The head keeps these totals, so that nothing has to be summed up that grows with the log.
    declaredLost: async () => {
      const { lostByFlagtrail, lostByApplications } = await prisma.auditHead.findUniqueOrThrow({
        where: { id: 1 },
        select: { lostByFlagtrail: true, lostByApplications: true },
      });
      return { flagtrail: Number(lostByFlagtrail), applications: Number(lostByApplications) };
    },
    readAfter: (position, limit, maxBytes) =>
      list({}, { after: position, limit, inverted: false, ...(maxBytes !== undefined && { maxBytes }) }),
  };
};
