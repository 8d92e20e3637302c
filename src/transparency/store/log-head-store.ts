import type { Queryable } from '../../database/queryable.ts';
import type { LogHeadWriter } from '../commands/log-head-store.ts';

type Row = { logId: string; epoch: number; size: bigint; rootHash: Uint8Array; signingKey: string | null };

/** The log's head inside of one transaction. */
export const makeLogHeadWriter = (tx: Queryable): LogHeadWriter => ({
  findLocked: async () => {
    const [{ size, rootHash, ...head }] = await tx.$queryRaw<[Row]>`
      SELECT log_id::text AS "logId", epoch, size, root_hash AS "rootHash", signing_key AS "signingKey" FROM audit_head FOR UPDATE`;
    return { ...head, size: Number(size), rootHash: Buffer.from(rootHash) };
  },
  save: async ({ epoch, signingKey }) => {
    await tx.$executeRaw`UPDATE audit_head SET epoch = ${epoch}::int, signing_key = ${signingKey}`;
  },
});
