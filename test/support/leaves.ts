import { createHash } from 'node:crypto';
import type { TestDatabase } from './databases.ts';

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962, section 2.1, word for word: the judge of what the service computes. */
export const merkleRoot = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (!only) return sha256();
  if (leaves.length === 1) return only;
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Buffer.of(1), merkleRoot(leaves.slice(0, k)), merkleRoot(leaves.slice(k)));
};

/** The leaves of the log, hashed from its entries. */
export const readLeaves = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<Buffer[]> => {
  const rows = await sql<{ entry: string }>('SELECT entry FROM audit_log ORDER BY position');
  return rows.map(({ entry }) => sha256(Buffer.of(0), Buffer.from(entry)));
};

/** A tree that is computed from the log's entries alone. */
export const treeOfEntries = (db: Pick<TestDatabase, 'sql'>) => ({
  rootAt: async (size: number): Promise<Buffer> => merkleRoot((await readLeaves(db)).slice(0, size)),
});

/** The roots of the first `size` leaves, for each of these sizes, in ascending order: with one walk over the leaves. */
export const merkleRootsAt = (leaves: readonly Buffer[], sizes: readonly number[]): Buffer[] => {
  const edge: { width: number; hash: Buffer }[] = [];
  let next = 0;
  return sizes.map((size) => {
    for (const leaf of leaves.slice(next, size)) {
      let subtree = { width: 1, hash: leaf };
      for (let left = edge.at(-1); left?.width === subtree.width; left = edge.at(-1)) {
        edge.pop();
        subtree = { width: 2 * subtree.width, hash: sha256(Buffer.of(1), left.hash, subtree.hash) };
      }
      edge.push(subtree);
    }
    next = size;
    const [last, ...rest] = edge.toReversed().map(({ hash }) => hash);
    return rest.reduce((root, hash) => sha256(Buffer.of(1), hash, root), last ?? sha256());
  });
};
