import type { PrismaClient } from '../../generated/prisma/client.ts';
import { toStorableText } from '../../kernel/text.ts';
import type { SinkCursors } from '../ports/event-sink.ts';

const maxErrorLength = 2000;

/** Cursors and leases of sinks in the table `sink_cursors`. Every write names its holder, so a late write changes nothing. */
export const makePrismaSinkCursors = ({ prisma }: { prisma: PrismaClient }): SinkCursors => {
  const read = async (name: string): Promise<number> => {
    const [row] = await prisma.$queryRaw<{ position: bigint }[]>`SELECT position FROM sink_cursors WHERE name = ${name}`;
    return Number(row?.position ?? 0n);
  };
  return {
    read,
    acquire: async (name, holder, leaseMs) => {
      // clock_timestamp, not now(), because waiting for the row's lock takes time.
      const [taken] = await prisma.$queryRaw<{ position: bigint }[]>`
        INSERT INTO sink_cursors AS c (name, lease_holder, lease_until)
        VALUES (${name}, ${holder}, clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond')
        ON CONFLICT (name) DO UPDATE SET lease_holder = excluded.lease_holder,
          lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
        WHERE c.lease_holder IS NULL OR c.lease_holder = excluded.lease_holder OR c.lease_until <= clock_timestamp()
        RETURNING position`;
      return taken ? { held: true, position: Number(taken.position) } : { held: false, position: await read(name) };
    },
    renew: async (name, holder, leaseMs) => {
      const renewed = await prisma.$executeRaw`
        UPDATE sink_cursors SET lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
        WHERE name = ${name} AND lease_holder = ${holder}`;
      return renewed > 0;
    },
    save: async (name, holder, position) => {
      const saved = await prisma.$executeRaw`
        UPDATE sink_cursors SET position = greatest(position, ${position}::bigint), last_error = NULL, last_error_at = NULL, updated_at = clock_timestamp()
        WHERE name = ${name} AND lease_holder = ${holder}`;
      return saved > 0;
    },
    saveError: async (name, holder, error) => {
      await prisma.$executeRaw`
        UPDATE sink_cursors SET last_error = ${toStorableText(error, maxErrorLength)}, last_error_at = clock_timestamp(),
          updated_at = clock_timestamp()
        WHERE name = ${name} AND lease_holder = ${holder}`;
    },
    release: async (name, holder) => {
      await prisma.$executeRaw`
        UPDATE sink_cursors SET lease_holder = NULL, lease_until = NULL WHERE name = ${name} AND lease_holder = ${holder}`;
    },
  };
};
