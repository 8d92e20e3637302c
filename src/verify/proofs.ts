import { nodeHash } from './tree.ts';

// Proofs, checked as RFC 9162 says. Sizes can exceed 32 bits, so halves are taken by division and not by shifting.

const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

type Inclusion = { leafIndex: number; size: number; leafHash: Buffer; root: Buffer; proof: readonly Buffer[] };

/** Whether the leaf is in the tree of this size and root, at this index (RFC 9162, section 2.1.3.2). */
export const provesInclusion = ({ leafIndex, size, leafHash, root, proof }: Inclusion): boolean => {
  if (!isCount(leafIndex) || !isCount(size) || leafIndex >= size) return false;
  let [first, last, node] = [leafIndex, size - 1, leafHash];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(first) || first === last) {
      node = nodeHash(sibling, node);
      while (!isOdd(first) && first !== 0) [first, last] = [half(first), half(last)];
    } else node = nodeHash(node, sibling);
    [first, last] = [half(first), half(last)];
  }
  return last === 0 && node.equals(root);
};

type Consistency = { from: number; fromRoot: Buffer; to: number; toRoot: Buffer; proof: readonly Buffer[] };

const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n)) && 2 ** Math.log2(n) === n;

/** Whether the larger tree starts with the smaller one (RFC 9162, section 2.1.4.2). */
export const provesConsistency = ({ from, fromRoot, to, toRoot, proof }: Consistency): boolean => {
  // An empty tree has no proof: every tree starts with it.
  if (!isCount(from) || !isCount(to) || from === 0 || from > to) return false;
  if (from === to) return proof.length === 0 && fromRoot.equals(toRoot);
  const [start, ...path] = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  if (!start) return false;
  let [first, last] = [from - 1, to - 1];
  while (isOdd(first)) [first, last] = [half(first), half(last)];
  let [older, newer] = [start, start];
  for (const node of path) {
    if (last === 0) return false;
    if (isOdd(first) || first === last) {
      older = nodeHash(node, older);
      newer = nodeHash(node, newer);
      while (!isOdd(first) && first !== 0) [first, last] = [half(first), half(last)];
    } else newer = nodeHash(newer, node);
    [first, last] = [half(first), half(last)];
  }
  return last === 0 && older.equals(fromRoot) && newer.equals(toRoot);
};
