import type { Queryable } from '../../database/queryable.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { ForkedCheckpointError } from '../model/signing-refusals.ts';
import type { LogState, SigningStore } from '../ports/signing-store.ts';
import type { Checkpoint, Checkpoints } from '../ports/tree.ts';

type CheckpointRow = { epoch: number; size: bigint; rootHash: Uint8Array; note: string; signedAt: Date };
type StateRow = {
  logId: string;
  epoch: number;
  size: bigint;
  rootHash: Uint8Array;
  signingKey: string | null;
  isEpochDeclared: boolean;
} & {
  [Column in keyof CheckpointRow as `latest${Capitalize<Column>}`]: CheckpointRow[Column] | null;
};

const toCheckpoint = ({ size, rootHash, ...row }: CheckpointRow): Checkpoint => ({
  ...row,
  size: Number(size),
  rootHash: Buffer.from(rootHash),
});

/** An advisory lock that nobody else takes: the first six bytes of SHA-256('flagtrail checkpoints'). */
const signingLock = 0xa1ff1391bccb;

/** Checkpoints in the table `audit_checkpoints`, which refuses what would contradict an earlier one. */
export const makeCheckpoints = (prisma: PrismaClient): Checkpoints & SigningStore => ({
  latest: async () => {
    const row = await prisma.auditCheckpoint.findFirst({ orderBy: [{ epoch: 'desc' }, { size: 'desc' }] });
    return row && toCheckpoint(row);
  },
  readState: async () => {
    const [row] = await prisma.$queryRaw<[StateRow]>`
      SELECT h.log_id::text AS "logId", h.epoch, h.size, h.root_hash AS "rootHash", h.signing_key AS "signingKey",
        h.epoch = 1 OR c.size IS NOT NULL OR EXISTS (SELECT 1 FROM audit_log WHERE event_type = 'log.epoch_started'
          AND resource_id = 'flagtrail/' || h.log_id || '/' || h.epoch) AS "isEpochDeclared",
        c.epoch AS "latestEpoch", c.size AS "latestSize", c.root_hash AS "latestRootHash", c.note AS "latestNote",
        c.signed_at AS "latestSignedAt"
      FROM audit_head h LEFT JOIN LATERAL
        (SELECT * FROM audit_checkpoints WHERE epoch = h.epoch ORDER BY size DESC LIMIT 1) c ON true`;
    return toState(row);
  },
  adoptKey: async (verifierLine) => {
    await prisma.$executeRaw`UPDATE audit_head SET signing_key = ${verifierLine} WHERE signing_key IS NULL`;
    const [row] = await prisma.$queryRaw<[{ signingKey: string }]>`SELECT signing_key AS "signingKey" FROM audit_head`;
    return row.signingKey;
  },
  add: async (checkpoint) => {
    await keep(prisma, checkpoint, 0);
  },
  keep: (checkpoint, pauseMs) =>
    prisma.$transaction(async (tx) => {
      // One after the other: the next one sees what the one before has kept.
      await tx.$queryRaw`SELECT pg_advisory_xact_lock(${signingLock}::bigint)::text`;
      return keep(tx, checkpoint, pauseMs);
    }),
});

const keep = async (
  prisma: Queryable,
  { epoch, size, rootHash, note, signedAt }: Checkpoint,
  pauseMs: number,
): Promise<boolean> => {
  // An instant that is still to come is a wrong clock's.
  const added = await prisma.$executeRaw`
    INSERT INTO audit_checkpoints (epoch, size, root_hash, note, signed_at)
    SELECT ${epoch}::int, ${size}::bigint, ${rootHash}::bytea, ${note}, ${signedAt}::timestamptz
    WHERE NOT EXISTS (SELECT 1 FROM
      (SELECT signed_at FROM audit_checkpoints WHERE epoch = ${epoch}::int AND size <> ${size}::bigint ORDER BY size DESC LIMIT 1) last
      WHERE signed_at <= ${signedAt}::timestamptz AND signed_at > ${signedAt}::timestamptz - ${pauseMs}::int * interval '1 millisecond')
    ON CONFLICT (epoch, size) DO NOTHING`;
  if (added > 0) return true;
  const there = await prisma.auditCheckpoint.findUnique({ where: { epoch_size: { epoch, size } }, select: { rootHash: true } });
  if (there && !rootHash.equals(there.rootHash)) throw new ForkedCheckpointError({ epoch, size });
  return there !== null;
};

const toState = ({ logId, epoch, size, rootHash, signingKey, isEpochDeclared, ...row }: StateRow): LogState => {
  const { latestEpoch, latestSize, latestRootHash, latestNote, latestSignedAt } = row;
  const isSigned =
    latestEpoch !== null && latestSize !== null && latestRootHash !== null && latestNote !== null && latestSignedAt !== null;
  return {
    logId,
    epoch,
    size: Number(size),
    rootHash: Buffer.from(rootHash),
    signingKey,
    isEpochDeclared,
    latest: isSigned
      ? toCheckpoint({
          epoch: latestEpoch,
          size: latestSize,
          rootHash: latestRootHash,
          note: latestNote,
          signedAt: latestSignedAt,
        })
      : null,
  };
};
