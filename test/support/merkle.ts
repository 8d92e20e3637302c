import { createHash } from 'node:crypto';

// RFC 6962 in its own recursive words, for tests to judge with. It shares no code with the service, which computes proofs from
// tiles and without recursion.

const sha256 = (...parts: (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const hashLeaf = (entry: Uint8Array | string): Buffer => sha256(Buffer.of(0), entry);
export const hashChildren = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.of(1), left, right);
const emptyRoot = sha256('');

/** The largest power of two below n. */
const splitOf = (n: number): number => (n <= 2 ? 1 : 2 * splitOf(Math.ceil(n / 2)));

/** MTH(D[start:end]) of the definition, remembered for each range. */
export const makeMerkleTree = (leafHashes: readonly Buffer[]) => {
  const known = new Map<string, Buffer>();
  const hashOf = (start: number, end: number): Buffer => {
    const leaf = leafHashes[start];
    if (end - start === 0 || !leaf) return emptyRoot;
    if (end - start === 1) return leaf;
    const key = `${start}-${end}`;
    const found = known.get(key);
    if (found) return found;
    const middle = start + splitOf(end - start);
    const hash = hashChildren(hashOf(start, middle), hashOf(middle, end));
    known.set(key, hash);
    return hash;
  };
  return {
    hashOf,
    rootAt: (size: number) => hashOf(0, size),
    /** Hashes of a tile of height 8, as C2SP tlog-tiles defines them. */
    tile: (level: number, index: number, width: number) => {
      const leaves = 256 ** level;
      const hashes = Array.from({ length: width }, (_, i) => (index * 256 + i) * leaves);
      return Buffer.concat(hashes.map((start) => hashOf(start, start + leaves)));
    },
  };
};

const isEqual = (a: Uint8Array | null, b: Uint8Array) => a !== null && Buffer.compare(a, b) === 0;

type Inclusion = { leafIndex: number; size: number; leafHash: Buffer; hashes: readonly Buffer[]; root: Buffer };
/** Whether a proof shows that a leaf is in the tree with this root. */
export const verifyInclusion = ({ leafIndex, size, leafHash, hashes, root }: Inclusion): boolean => {
  const rootFrom = (index: number, leaves: number, path: readonly Buffer[]): Buffer | null => {
    if (leaves === 1) return path.length === 0 ? leafHash : null;
    const sibling = path.at(-1);
    const left = splitOf(leaves);
    const isLeft = index < left;
    const own = isLeft ? rootFrom(index, left, path.slice(0, -1)) : rootFrom(index - left, leaves - left, path.slice(0, -1));
    if (!sibling || !own) return null;
    return isLeft ? hashChildren(own, sibling) : hashChildren(sibling, own);
  };
  return leafIndex >= 0 && leafIndex < size && isEqual(rootFrom(leafIndex, size, hashes), root);
};

type Consistency = { from: number; to: number; fromRoot: Buffer; toRoot: Buffer; hashes: readonly Buffer[] };
/** Whether a proof shows that the larger tree begins with the smaller one. */
export const verifyConsistency = ({ from, to, fromRoot, toRoot, hashes }: Consistency): boolean => {
  type Roots = { smaller: Buffer; larger: Buffer };
  const rootsFrom = (size: number, leaves: number, path: readonly Buffer[], isWhole: boolean): Roots | null => {
    const last = path.at(-1);
    if (size === leaves) {
      const hash = isWhole ? fromRoot : last;
      return hash && path.length === (isWhole ? 0 : 1) ? { smaller: hash, larger: hash } : null;
    }
    const left = splitOf(leaves);
    const rest = path.slice(0, -1);
    const below = size <= left ? rootsFrom(size, left, rest, isWhole) : rootsFrom(size - left, leaves - left, rest, false);
    if (!last || !below) return null;
    if (size <= left) return { smaller: below.smaller, larger: hashChildren(below.larger, last) };
    return { smaller: hashChildren(last, below.smaller), larger: hashChildren(last, below.larger) };
  };
  if (from > to) return false;
  if (from === 0) return hashes.length === 0 && isEqual(emptyRoot, fromRoot);
  const roots = rootsFrom(from, to, hashes, true);
  return roots !== null && isEqual(roots.smaller, fromRoot) && isEqual(roots.larger, toRoot);
};
