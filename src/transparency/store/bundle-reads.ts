import type { Queryable } from '../../database/queryable.ts';
import type { BundleReads } from '../ports/bundle.ts';
import { makeTree } from './tree-store.ts';

export const makeBundleReads = (prisma: Queryable): BundleReads => ({
  ...makeTree(prisma),
  entry: async (position) =>
    (await prisma.auditLogEntry.findUniqueOrThrow({ where: { position }, select: { entry: true } })).entry,
  forgetsBeyond: async (size) => {
    const [found] = await prisma.$queryRaw<[{ forgets: boolean }]>`
      SELECT EXISTS (SELECT 1 FROM audit_log WHERE position > ${size} AND event_type IN ('person.erased', 'log.pruned'))
        OR EXISTS (SELECT 1 FROM audit_outbox WHERE event LIKE '%"eventType":"person.erased"%' OR event LIKE '%"eventType":"log.pruned"%')
        AS forgets`;
    return found.forgets;
  },
});
