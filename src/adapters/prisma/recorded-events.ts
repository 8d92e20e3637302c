import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { FindRecorded } from '../../ports/audit-log.ts';

/**
 * How many of the latest events in the outbox are looked through. It has no index on the events' ids, which every change would
 * pay for, and holds a few hundred; where no sequencer runs it may grow to millions, and recording must not become slow with it.
 */
const latestInOutbox = 10_000;

/** Looks events up in the log and at the end of the outbox, in one statement. */
export const makeFindRecorded =
  (prisma: PrismaClient): FindRecorded =>
  async (ids) => {
    if (ids.length === 0) return new Set();
    const rows = await prisma.$queryRaw<{ id: string }[]>`
      SELECT wanted.id::text AS id FROM unnest(${[...ids]}::uuid[]) AS wanted (id)
      WHERE EXISTS (SELECT 1 FROM audit_log l WHERE l.id = wanted.id) OR wanted.id IN (
        SELECT (latest.event::jsonb ->> 'id')::uuid
        FROM (SELECT event FROM audit_outbox ORDER BY id DESC LIMIT ${latestInOutbox}::int) latest)`;
    return new Set(rows.map(({ id }) => id));
  };
