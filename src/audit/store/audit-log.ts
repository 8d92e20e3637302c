import { mergedList } from '../../database/merged-list.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { AuditEventFilter } from '../model/audit-filter.ts';
import { readEvent } from '../model/entry.ts';
import type { AuditLog } from '../ports/audit-log.ts';

type Row = { position: bigint; sealedAt: Date; entry: string; leafHash: string; disclosures: string };

const toLogEntry = ({ position, entry, disclosures, ...row }: Row): LogEntry => ({
  ...row,
  position: Number(position),
  entry,
  disclosures,
  event: readEvent(entry, disclosures),
});

/** Columns that a filter compares with one value. */
const columnOf = {
  flagKey: Prisma.sql`flag_key`,
  actorId: Prisma.sql`actor_id`,
  actorType: Prisma.sql`actor_type`,
  resourceType: Prisma.sql`resource_type`,
  resourceId: Prisma.sql`resource_id`,
  workspaceId: Prisma.sql`workspace_id`,
  requestId: Prisma.sql`request_id`,
  apiKeyId: Prisma.sql`api_key_id`,
  result: Prisma.sql`result`,
} as const;

/** What a filter asks of the rows of `toSource`. */
const toConditions = (filter: AuditEventFilter): Prisma.Sql[] => {
  const { types, scheduleId, environment, ipAddress, from, to, ...others } = filter;
  const conditions = Object.entries(others)
    .filter(([, value]) => value != null)
    .map(([field, value]) => Prisma.sql`l.${columnOf[field as keyof typeof others]} = ${value}`);
  if (scheduleId != null) conditions.push(Prisma.sql`l.schedule_id = ${scheduleId}::uuid`);
  if (environment != null) conditions.push(Prisma.sql`(l.environment = ${environment} OR l.all_environments)`);
  if (types) conditions.push(Prisma.sql`l.event_type = ANY(${[...types]}::text[])`);
  if (from) conditions.push(Prisma.sql`l.occurred_at >= ${from}::timestamptz`);
  if (to) conditions.push(Prisma.sql`l.occurred_at < ${to}::timestamptz`);
  if (ipAddress != null) conditions.push(Prisma.sql`a.ip_address = ${ipAddress} AND NOT audit_is_erased(l.actor_id, l.position)`);
  return conditions;
};

/**
 * What a filter's rows are read from. Addresses can be forgotten, so the log itself does not have them. A join, and no subquery:
 * their index gives positions in order, so that a page reads its own rows only.
 */
const toSource = ({ ipAddress }: AuditEventFilter): Prisma.Sql =>
  ipAddress == null ? Prisma.sql`audit_log l` : Prisma.sql`audit_disclosures a JOIN audit_log l ON l.position = a.position`;

/** The positions of that source. The planner does not see that a bound of the one is a bound of the other. */
const positionsIn = ({ ipAddress }: AuditEventFilter): Prisma.Sql[] =>
  ipAddress == null ? [Prisma.sql`l.position`] : [Prisma.sql`l.position`, Prisma.sql`a.position`];

const all = (conditions: Prisma.Sql[]): Prisma.Sql =>
  conditions.length === 0 ? Prisma.sql`true` : Prisma.join(conditions, ' AND ');

const prunedTo = Prisma.sql`(SELECT pruned_to FROM audit_head)`;
/** The rows of pruned entries go a little later than the entries. */
const notPruned = Prisma.sql`l.position > ${prunedTo}`;

/** The log in the database. */
export const makeAuditLog = (prisma: PrismaClient): AuditLog => {
  const head = () => prisma.auditHead.findUniqueOrThrow({ where: { id: 1 }, select: { size: true, prunedTo: true } });
  const size = async () => Number((await head()).size);

  /** The rows of a selection from `audit_log l`, with their disclosures. */
  const readRows = async (selection: Prisma.Sql, order = Prisma.sql`ASC`) => {
    const rows = await prisma.$queryRaw<Row[]>`
      SELECT l.position, l.sealed_at AS "sealedAt", l.entry, encode(l.leaf_hash, 'base64') AS "leafHash",
        coalesce(audit_shown(l.actor_id, l.position, d.disclosures), '') AS disclosures
      FROM (${selection}) l LEFT JOIN audit_disclosures d ON d.position = l.position ORDER BY l.position ${order}`;
    return rows.map(toLogEntry);
  };

  const inOrder = <Found extends { position: bigint | number }>(
    filter: AuditEventFilter,
    { after, before, limit, inverted }: Slice<number>,
    read: (selection: Prisma.Sql, order: Prisma.Sql) => Promise<Found[]>,
  ) => {
    const order = inverted ? Prisma.sql`DESC` : Prisma.sql`ASC`;
    const slice = positionsIn(filter).flatMap((position) => [
      Prisma.sql`${position} > ${prunedTo}`,
      ...(after === undefined ? [] : [Prisma.sql`${position} > ${after}`]),
      ...(before === undefined ? [] : [Prisma.sql`${position} < ${before}`]),
    ]);
    return mergedList(filter.types, {
      page: (type) => {
        const conditions = toConditions({ ...filter, types: type === null ? null : [type] });
        return read(
          Prisma.sql`SELECT l.* FROM ${toSource(filter)} WHERE ${all([...conditions, ...slice])} ORDER BY l.position ${order} LIMIT ${limit}`,
          order,
        );
      },
      compare: (a, b) => (a.position < b.position === inverted ? 1 : -1),
      limit,
    });
  };

  /**
   * Those of the chosen entries that fit, in order. The database knows how long an entry and its disclosures are without reading
   * them.
   */
  const readFitting = (which: Prisma.Sql, maxBytes: number) =>
    readRows(Prisma.sql`
      SELECT * FROM (
        SELECT l.*, sum(bytes) OVER (ORDER BY l.position) - bytes AS bytes_before
        FROM audit_log l LEFT JOIN audit_disclosures d ON d.position = l.position
          CROSS JOIN LATERAL (SELECT octet_length(l.entry) + coalesce(octet_length(d.disclosures), 0) AS bytes) sized
        WHERE ${which}) measured
      WHERE bytes_before < ${maxBytes}`);

  const list: AuditLog['list'] = async (filter, { maxBytes, ...slice }) => {
    if (maxBytes === undefined) return inOrder(filter, slice, readRows);
    const { after = 0, before, limit } = slice;
    if (toConditions(filter).length > 0) {
      const found = await inOrder(
        filter,
        slice,
        (selection) => prisma.$queryRaw<{ position: bigint }[]>`SELECT position FROM (${selection}) l`,
      );
      const positions = found.map(({ position }) => position);
      return positions.length === 0 ? [] : readFitting(Prisma.sql`l.position = ANY(${positions})`, maxBytes);
    }
    // Positions have no gaps after the pruned ones, so `limit` entries end here.
    const start = Prisma.sql`greatest(${after}::bigint, ${prunedTo})`;
    const end = before === undefined ? Prisma.empty : Prisma.sql`AND l.position < ${before}`;
    return readFitting(Prisma.sql`l.position > ${start} AND l.position <= ${start} + ${limit}::bigint ${end}`, maxBytes);
  };
  return {
    find: async (id) =>
      (await readRows(Prisma.sql`SELECT l.* FROM audit_log l WHERE l.id = ${id}::uuid AND ${notPruned}`))[0] ?? null,
    list,
    // Without a filter, the head knows the count, so that millions of rows need not be counted.
    count: async (filter) => {
      const conditions = toConditions(filter);
      if (conditions.length === 0) {
        const { size: total, prunedTo: pruned } = await head();
        return Number(total - pruned);
      }
      const [row] = await prisma.$queryRaw<
        [{ n: bigint }]
      >`SELECT count(*) AS n FROM ${toSource(filter)} WHERE ${all([...conditions, notPruned])}`;
      return Number(row.n);
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
