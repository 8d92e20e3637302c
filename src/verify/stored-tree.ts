import { positions, Tampered } from './outcome.ts';
import type { Head, Source } from './source.ts';
import { type FullTile, hashLength, type Tree, tileWidth } from './tree.ts';

// The tree that a source stores, against the one that was built from its entries.

/** The positions that hash number `index` of a level stands for. */
const covered = (level: number, index: number): [from: number, to: number] => {
  const width = tileWidth ** level;
  return [index * width + 1, (index + 1) * width];
};

type PartOfTile = Pick<FullTile, 'level' | 'index' | 'hashes'> & { root: Buffer | null };

/** Compares a tile with the stored one. Throws Tampered. */
export const checkTile = async ({ level, index, hashes, root }: PartOfTile, source: Source): Promise<void> => {
  const stored = await source.tile(level, index, hashes.length);
  const first = index * tileWidth;
  const range: [number, number] = [covered(level, first)[0], covered(level, first + hashes.length - 1)[1]];
  const name = `tile ${index} of level ${level}`;
  if (!stored) throw new Tampered('tile', range, `The ${name}, which holds the hashes of ${positions(...range)}, is missing.`);
  if (stored.hashes.length !== hashes.length * hashLength)
    throw new Tampered(
      'tile',
      range,
      `The ${name} holds ${stored.hashes.length} bytes; it must hold ${hashes.length * hashLength}.`,
    );
  for (const [n, hash] of hashes.entries()) {
    if (hash.equals(stored.hashes.subarray(n * hashLength, (n + 1) * hashLength))) continue;
    const where = covered(level, first + n);
    throw new Tampered(
      'tile',
      where,
      `The ${name} has another hash for ${positions(...where)} than the ${level === 0 ? 'entry' : 'entries'} there.`,
    );
  }
  if (root && stored.root && !stored.root.equals(root))
    throw new Tampered('tile', range, `The root that is stored beside the ${name} is not the root of its hashes.`);
};

/** Compares the tile at each level's end, where the source stores them too. Returns how many there were. */
export const checkPartialTiles = async (tree: Tree, source: Source): Promise<number> => {
  if (!source.hasPartialTiles) return 0;
  let count = 0;
  for (let level = 0; level < tree.levels(); level++) {
    const hashes = tree.partialTile(level);
    if (hashes.length === 0) continue;
    const index = Math.floor(tree.size / tileWidth ** (level + 1));
    await checkTile({ level, index, hashes, root: null }, source);
    count++;
  }
  return count;
};

/** Compares the end of the tree with what the source says of it. */
export const checkHead = (tree: Tree, { size, edge, root }: Head, signedTo: number): void => {
  if (tree.size !== size)
    throw new Tampered(
      tree.size < size ? 'missing' : 'extra',
      [Math.min(tree.size, size) + 1, Math.max(tree.size, size)],
      `The log ends at position ${tree.size}, but it says that its size is ${size}.`,
    );
  if (root?.equals(tree.root()) === false || (edge && !isSameEdge(edge, tree.edge()))) {
    const [from, to] = firstDifference(tree, edge ?? [], signedTo);
    throw new Tampered(
      'head',
      [from, to],
      `The root or the edge that the log keeps of itself is not that of its entries: what stands at ${positions(from, to)} was changed, removed, inserted or reordered, or the head row was.`,
    );
  }
};

const isSameEdge = (one: readonly Buffer[], other: readonly Buffer[]): boolean =>
  one.length === other.length && one.every((hash, n) => other[n]?.equals(hash));

/** The positions below the first hash of the edge that differs, without those that a signature covers. */
const firstDifference = (tree: Tree, stored: readonly Buffer[], signedTo: number): [from: number, to: number] => {
  let from = 1;
  for (const [n, hash] of tree.edge().entries()) {
    const width = 2 ** Math.floor(Math.log2(tree.size - from + 1));
    if (!stored[n]?.equals(hash)) return [Math.min(Math.max(from, signedTo + 1), from + width - 1), from + width - 1];
    from += width;
  }
  return [Math.min(signedTo + 1, tree.size), tree.size];
};
