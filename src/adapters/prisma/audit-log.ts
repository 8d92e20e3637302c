import type { LogEntry } from '../../domain/audit/audit-event.ts';
import type { AuditEventFilter } from '../../domain/audit/audit-filter.ts';
import type { Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import type { AuditLog } from '../../ports/audit-log.ts';
import { makeLoggedActors } from './logged-actors.ts';
import { mergedList } from './merged-list.ts';

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
  const list: AuditLog['list'] = async (filter, { after, before, limit, inverted }) => {
    const position = { ...(after !== undefined && { gt: after }), ...(before !== undefined && { lt: before }) };
    const rows = await mergedList(filter.types, {
      page: (type) =>
        prisma.auditLogEntry.findMany({
          select: columns,
          where: { ...toWhere({ ...filter, types: type && [type] }), position },
          orderBy: { position: inverted ? 'desc' : 'asc' },
          take: limit,
        }),
      compare: (a, b) => (a.position < b.position === inverted ? 1 : -1),
      limit,
    });
    return rows.map(toLogEntry);
  };
  return {
    find: async (id) => {
      const row = await prisma.auditLogEntry.findUnique({ select: columns, where: { id } });
      return row && toLogEntry(row);
    },
    list,
    // Without a filter the head knows the answer: nobody has to count millions of rows.
    count: async (filter) => {
      const where = toWhere(filter);
      return Object.keys(where).length === 0 ? size() : prisma.auditLogEntry.count({ where });
    },
    size,
    // The head keeps the totals: nobody has to add up what grows with the log.
    declaredLost: async () => {
      const { lostByFlagtrail, lostByApplications } = await prisma.auditHead.findUniqueOrThrow({
        where: { id: 1 },
        select: { lostByFlagtrail: true, lostByApplications: true },
      });
      return { flagtrail: Number(lostByFlagtrail), applications: Number(lostByApplications) };
    },
    ...makeLoggedActors(prisma),
    readAfter: (position, limit) => list({}, { after: position, limit, inverted: false }),
  };
};
