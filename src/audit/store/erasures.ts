import type { Queryable } from '../../database/queryable.ts';
import type { Erasures } from '../ports/erasures.ts';

type Row = { erasedAt: Date; events: bigint; notErasable: bigint; isNew: boolean };

export const makeErasures = (tx: Queryable): Erasures => ({
  begin: async (actorId) => {
    const [row] = await tx.$queryRaw<Row[]>`
      SELECT erased_at AS "erasedAt", events, not_erasable AS "notErasable", is_new AS "isNew" FROM audit_begin_erasure(${actorId})`;
    if (!row) return null;
    const { erasedAt, events, notErasable, isNew } = row;
    return { erasure: { actorId, erasedAt, events: Number(events), notErasable: Number(notErasable) }, isNew };
  },
});

/** Removes personal data of up to `limit` events that an erasure covers, in one transaction. Returns whether there is more to do. */
export const eraseSome = async (prisma: Queryable, limit: number): Promise<boolean> => {
  const [row] = await prisma.$queryRaw<[{ more: boolean }]>`SELECT audit_erase(${limit}::int) AS more`;
  return row.more;
};
