import type { FindRecorded, Recorded } from '../../audit/ports/audit-log.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';

/**
 * How many of the latest events in the outbox are searched. The outbox has no index on the events' ids, because every change
 * would pay for it, and normally holds a few hundred events. If no sequencer runs, it can grow to millions, and that must not
 * slow down recording.
 */
const latestInOutbox = 10_000;

/** Looks events up in the log and at the end of the outbox, in one statement. */
export const makeFindRecorded =
  (prisma: PrismaClient): FindRecorded =>
  async (ids) => {
    if (ids.length === 0) return new Map();
    const wanted = [...ids];
    const rows = await prisma.$queryRaw<(Recorded & { id: string })[]>`
      SELECT id, type, "recorderId" FROM (
        SELECT l.id::text, l.event_type AS type,
          coalesce(l.entry::jsonb -> 'metadata', audit_disclosed(d.disclosures, 'metadata')) #>> '{recordedBy,id}' AS "recorderId", 0 AS place
        FROM audit_log l LEFT JOIN audit_disclosures d ON d.position = l.position WHERE l.id = ANY(${wanted}::uuid[])
        UNION ALL
        SELECT entry ->> 'id', entry ->> 'eventType',
          coalesce(entry -> 'metadata', audit_disclosed(event, 'metadata')) #>> '{recordedBy,id}', place
        FROM (SELECT split_part(event, E'\n', 1)::jsonb AS entry, event, id AS place
          FROM audit_outbox ORDER BY id DESC LIMIT ${latestInOutbox}::int) latest
        WHERE (entry ->> 'id')::uuid = ANY(${wanted}::uuid[])
      ) found ORDER BY place DESC`;
    // Of two events with the same id, the log keeps the first, which comes last here.
    return new Map(rows.map(({ id, ...recorded }) => [id, recorded]));
  };
