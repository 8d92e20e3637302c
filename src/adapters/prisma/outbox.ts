import type { Prisma } from '../../generated/prisma/client.ts';
import type { TransactionFate } from '../../ports/spool.ts';
import type { Queryable } from './rows.ts';

/** Calls `audit_emit`: true where the outbox has all the events now, false where it has none of them. Throws where the call itself failed. */
export const emitEntries = async (prisma: Queryable, entries: readonly string[]): Promise<boolean> => {
  const [row] = await prisma.$queryRaw<{ recorded: number | null }[]>`SELECT audit_emit(${[...entries]}::text[]) AS recorded`;
  return row?.recorded === entries.length;
};

/** The transaction's id: what decides later whether a spooled event happened. */
export const currentTransactionId = async (tx: Prisma.TransactionClient): Promise<string> => {
  const [row] = await tx.$queryRaw<[{ id: string }]>`SELECT pg_current_xact_id()::text AS id`;
  return row.id;
};

/** What became of transactions; `unknown` where the server no longer remembers. */
export const fatesOf = async (prisma: Queryable, transactionIds: readonly string[]): Promise<Map<string, TransactionFate>> => {
  const rows = await prisma.$queryRaw<{ id: string; fate: TransactionFate | null }[]>`
    SELECT id, pg_xact_status(id::xid8) AS fate FROM unnest(${[...transactionIds]}::text[]) AS id`;
  return new Map(rows.map(({ id, fate }) => [id, fate ?? 'unknown']));
};

/** The name of the database's log. */
export const readLogId = async (prisma: Queryable): Promise<string> =>
  (await prisma.auditHead.findUniqueOrThrow({ where: { id: 1 }, select: { logId: true } })).logId;

/** Moves up to `limit` committed events into the log; how many it took from the outbox. */
export const sequenceOutbox = async (prisma: Queryable, limit: number): Promise<number> => {
  const [row] = await prisma.$queryRaw<[{ taken: number }]>`SELECT audit_sequence(${limit}::int) AS taken`;
  return row.taken;
};

/** How many events wait in the outbox, and for how long the oldest of them. */
export const outboxLag = async (prisma: Queryable): Promise<{ waiting: number; oldestMs: number }> => {
  const [row] = await prisma.$queryRaw<[{ waiting: number; oldestMs: number }]>`
    SELECT count(*)::int AS waiting, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)::float8 AS "oldestMs"
    FROM audit_outbox`;
  return row;
};
