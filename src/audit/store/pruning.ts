import type { Queryable } from '../../database/queryable.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { Pruning, PruningTransaction } from '../ports/pruning.ts';

export const makePruning = (prisma: PrismaClient): Pruning => ({
  extent: async () => {
    const { size, prunedTo } = await prisma.auditHead.findUniqueOrThrow({ where: { id: 1 } });
    return { size: Number(size), prunedTo: Number(prunedTo) };
  },
  sealedAt: async (position) =>
    (await prisma.auditLogEntry.findUnique({ where: { position }, select: { sealedAt: true } }))?.sealedAt ?? null,
  sinks: async () => {
    const cursors = await prisma.sinkCursor.findMany({ select: { name: true, position: true }, orderBy: { name: 'asc' } });
    return cursors.map(({ name, position }) => ({ name, position: Number(position) }));
  },
  coveredTo: async () => {
    const [row] = await prisma.$queryRaw<[{ size: bigint | null }]>`SELECT max(size) AS size FROM audit_checkpoints`;
    return Number(row.size ?? 0);
  },
  firstPosition: async () => {
    const [row] = await prisma.$queryRaw<[{ first: bigint | null }]>`SELECT min(position) AS first FROM audit_log`;
    return row.first === null ? null : Number(row.first);
  },
  remove: async (from, to) => {
    await prisma.$transaction([
      prisma.$executeRaw`DELETE FROM audit_disclosures WHERE position >= ${from}::bigint AND position <= ${to}::bigint`,
      prisma.$executeRaw`DELETE FROM audit_log WHERE position >= ${from}::bigint AND position <= ${to}::bigint`,
    ]);
  },
});

export const makePruneTo =
  (tx: Queryable): PruningTransaction['pruneTo'] =>
  async (position) => {
    const pruned = await tx.$queryRaw<unknown[]>`
      UPDATE audit_head SET pruned_to = ${position}::bigint WHERE pruned_to < ${position}::bigint RETURNING 1 AS moved`;
    return pruned.length > 0;
  };
