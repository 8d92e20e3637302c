import type { AuditLog } from '../../audit/ports/audit-log.ts';
import type { Checkpoint, Checkpoints, Tree } from '../ports/tree.ts';

type Deps = { log: Pick<AuditLog, 'find'>; tree: Tree; checkpoints: Pick<Checkpoints, 'latest'> };

export type InclusionProof = {
  position: number;
  leafIndex: number;
  /** In base64. */
  leafHash: string;
  /** The tree that the leaf is proven to be in. */
  treeSize: number;
  rootHash: Buffer;
  /** From the leaf up. */
  hashes: Buffer[];
  /** The checkpoint that signs this tree; null if none covers the entry yet. */
  checkpoint: Checkpoint | null;
  /** The exact text of the entry. */
  entry: string;
};
export type ConsistencyProof = { hashes: Buffer[]; fromRootHash: Buffer; toRootHash: Buffer };

/** The sizes are not those of two trees of this log, the smaller one first. The message says which are allowed. */
export class TreeSizeError extends Error {
  override readonly name = 'TreeSizeError';
}

/** What the service can prove of its log. It reads the same few rows however long the log is. */
export type Proofs = {
  /** Null before the first one is signed. */
  latestCheckpoint(): Promise<Checkpoint | null>;
  /** Proves that an event is in the log: under the latest checkpoint if that covers it. Null if no event has the id. */
  proveInclusion(eventId: string): Promise<InclusionProof | null>;
  /** Proves that the log of one size begins with that of another. Throws a TreeSizeError if it never had these sizes. */
  proveConsistency(from: number, to: number): Promise<ConsistencyProof>;
};

export const makeProofs = ({ log, tree, checkpoints }: Deps): Proofs => ({
  latestCheckpoint: checkpoints.latest,
  proveInclusion: async (eventId) => {
    const found = await log.find(eventId);
    if (!found) return null;
    const [head, latest] = [await tree.head(), await checkpoints.latest()];
    const { position, leafHash, entry } = found;
    const checkpoint = latest && position <= latest.size && latest.size <= head.size ? latest : null;
    const { size: treeSize, rootHash } = checkpoint ?? head;
    const leafIndex = position - 1;
    const hashes = await tree.inclusionProof(leafIndex, treeSize);
    return { position, leafIndex, leafHash, treeSize, rootHash, hashes, checkpoint, entry };
  },
  proveConsistency: async (from, to) => {
    const { size } = await tree.head();
    if (to < 0 || to > size) throw new TreeSizeError(`to is ${to}: the log has had the sizes 0 to ${size}`);
    if (from < 0 || from > to) throw new TreeSizeError(`from is ${from}: it must be 0 to ${to}, which is \`to\``);
    const [hashes, fromRootHash, toRootHash] = [
      await tree.consistencyProof(from, to),
      await tree.rootAt(from),
      await tree.rootAt(to),
    ];
    return { hashes, fromRootHash, toRootHash };
  },
});
