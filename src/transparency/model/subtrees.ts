/** Leaves of the tree from `start` up to `end`, which is not one of them. */
export type Range = { start: number; end: number };
/** A full subtree: 2^level leaves, the first of which is index × 2^level. */
export type Subtree = { level: number; index: number };

/** The largest power of two below `n`, at which RFC 6962 splits `n` leaves. Logarithms are not exact near powers of two. */
const splitOf = (n: number): number => {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
};

/** The subtrees whose hashes prove that a leaf is in the tree of a size, from the leaf's neighbour up (RFC 6962 section 2.1.1). */
export const inclusionPath = (leafIndex: number, size: number): Range[] => {
  const path: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    const isLeft = leafIndex < middle;
    path.push(isLeft ? { start: middle, end } : { start, end: middle });
    if (isLeft) end = middle;
    else start = middle;
  }
  return path.reverse();
};

/**
 * The subtrees whose hashes prove that the tree of size `to` begins with the tree of size `from` (RFC 6962 section 2.1.2). There
 * is nothing to prove if the sizes are the same, or if `from` is 0.
 */
export const consistencyPath = (from: number, to: number): Range[] => {
  if (from === 0) return [];
  const path: Range[] = [];
  let [start, end] = [0, to];
  while (from < end) {
    const middle = start + splitOf(end - start);
    const isLeft = from <= middle;
    path.push(isLeft ? { start: middle, end } : { start, end: middle });
    if (isLeft) end = middle;
    else start = middle;
  }
  // If this is the smaller tree as a whole, whoever verifies the proof knows its hash.
  if (start > 0) path.push({ start, end });
  return path.reverse();
};

/** The full subtrees that make up a range, widest first. The range begins where a subtree of its widest one's size can begin. */
export const subtreesOf = ({ start, end }: Range): Subtree[] => {
  const subtrees: Subtree[] = [];
  let width = 1;
  let level = 0;
  for (; width * 2 <= end - start; width *= 2) level += 1;
  for (let at = start; at < end; width /= 2, level -= 1) {
    if (at + width > end) continue;
    subtrees.push({ level, index: at / width });
    at += width;
  }
  return subtrees;
};
