import type { Queryable } from '../../database/queryable.ts';
import type { Prisma, PrismaClient } from '../../generated/prisma/client.ts';
import type { TransactionFate } from '../ports/spool.ts';

/**
 * Calls `audit_emit`. Returns true if the outbox now has all the entries, false if it has none of them. Throws if the call itself
 * failed.
 */
export const emitEntries = async (prisma: Queryable, entries: readonly string[]): Promise<boolean> => {
  const [row] = await prisma.$queryRaw<{ recorded: number | null }[]>`SELECT audit_emit(${[...entries]}::text[]) AS recorded`;
  return row?.recorded === entries.length;
};

/**
 * The transaction's id, which decides later whether a spooled event happened. The id is on disk when this returns (from
 * PostgreSQL 17 on, and in PGlite). Otherwise a server that crashes could forget the id and give it to another transaction, which
 * may commit.
 */
export const currentTransactionId = async (tx: Prisma.TransactionClient): Promise<string> => {
  const [{ id, canFlush }] = await tx.$queryRaw<[{ id: string; canFlush: boolean }]>`
    SELECT pg_current_xact_id()::text AS id, coalesce(has_function_privilege(
      to_regprocedure('pg_logical_emit_message(boolean, text, text, boolean)'), 'EXECUTE'), false) AS "canFlush"`;
  if (canFlush) await tx.$queryRaw`SELECT pg_logical_emit_message(false, 'flagtrail', 'events spooled', true)::text`;
  return id;
};

/**
 * What became of transactions; `unknown` if the server no longer remembers. An id that the server has not reached yet belongs to
 * another history (from before a restore of a backup), and `pg_xact_status` would raise an error for it.
 */
export const fatesOf = async (prisma: Queryable, transactionIds: readonly string[]): Promise<Map<string, TransactionFate>> => {
  const rows = await prisma.$queryRaw<{ id: string; fate: TransactionFate | null }[]>`
    SELECT id, CASE WHEN id::xid8 < pg_current_xact_id() THEN pg_xact_status(id::xid8) END AS fate FROM unnest(${[...transactionIds]}::text[]) AS id`;
  return new Map(rows.map(({ id, fate }) => [id, fate ?? 'unknown']));
};

/** The id of the database's log. */
export const readLogId = async (prisma: Queryable): Promise<string> =>
  (await prisma.auditHead.findUniqueOrThrow({ where: { id: 1 }, select: { logId: true } })).logId;

/** Moves up to `limit` committed events into the log. Returns how many it took from the outbox. */
export const sequenceOutbox = async (prisma: Queryable, limit: number): Promise<number> => {
  const [row] = await prisma.$queryRaw<[{ taken: number }]>`SELECT audit_sequence(${limit}::int) AS taken`;
  return row.taken;
};

/**
 * How many events wait in the outbox (100,000 means that many or more), and how long the oldest has waited. Gives up after half a
 * second behind a lock, with SQLSTATE 55P03, because a look must not hold a connection that the worker needs.
 */
export const outboxLag = async (prisma: PrismaClient): Promise<{ waiting: number; oldestMs: number }> => {
  const [, [row]] = await prisma.$transaction([
    prisma.$executeRaw`SET LOCAL lock_timeout = '500ms'`,
    prisma.$queryRaw<[{ waiting: number; oldestMs: number }]>`
      SELECT (SELECT count(*)::int FROM (SELECT 1 FROM audit_outbox LIMIT 100000) o) AS waiting,
        coalesce((SELECT extract(epoch FROM clock_timestamp() - created_at) * 1000 FROM audit_outbox ORDER BY id LIMIT 1), 0)::float8 AS "oldestMs"`,
  ]);
  return row;
};
