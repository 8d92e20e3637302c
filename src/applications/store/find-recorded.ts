import type { FindRecorded, Recorded } from '../../audit/ports/audit-log.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';

/**
 * How many of the latest events in the outbox are looked through. It has no index on the events' ids, which every change would
 * pay for, and holds a few hundred; where no sequencer runs it may grow to millions, and recording must not become slow with it.
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
        SELECT id::text, event_type AS type, entry::jsonb #>> '{metadata,recordedBy,id}' AS "recorderId", 0 AS place
        FROM audit_log WHERE id = ANY(${wanted}::uuid[])
        UNION ALL
        SELECT event ->> 'id', event ->> 'eventType', event #>> '{metadata,recordedBy,id}', place
        FROM (SELECT event::jsonb AS event, id AS place FROM audit_outbox ORDER BY id DESC LIMIT ${latestInOutbox}::int) latest
        WHERE (event ->> 'id')::uuid = ANY(${wanted}::uuid[])
      ) found ORDER BY place DESC`;
    // Of two events with one id the first is the one that the log keeps: it comes last here.
    return new Map(rows.map(({ id, ...recorded }) => [id, recorded]));
  };
