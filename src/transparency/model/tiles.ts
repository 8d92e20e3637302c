import { tileWidth } from '../../audit/model/log-pruned.ts';
import type { Subtree } from './subtrees.ts';

const tileHeight = 8;
export const hashBytes = 32;

/** Some of a tile's hashes, from `first` on. */
export type TileSlice = { level: number; index: number; first: number; count: number };

/** The hashes that make up a full subtree: at most half a tile, because the hash of a whole one is in the tile above. */
export const sliceOf = ({ level, index }: Subtree): TileSlice => {
  const count = 2 ** (level % tileHeight);
  const start = index * count;
  return {
    level: Math.floor(level / tileHeight),
    index: Math.floor(start / tileWidth),
    first: start % tileWidth,
    count,
  };
};

/** How many hashes all tiles of a level hold together in a tree of this size. */
export const hashesAtLevel = (level: number, size: number): number => Math.floor(size / tileWidth ** level);

/** Hashes two subtrees into the one above: SHA-256(0x01 || left || right). */
export type HashChildren = (left: Buffer, right: Buffer) => Buffer;

/** The hash of a full subtree from a slice of a tile. */
export const hashOfSlice = (hashes: Buffer, hash: HashChildren): Buffer => {
  let level = split(hashes);
  while (level.length > 1) {
    level = level.flatMap((left, i) => {
      const right = level[i + 1];
      return i % 2 === 0 && right ? [hash(left, right)] : [];
    });
  }
  const [root] = level;
  if (!root) throw new RangeError('a subtree has at least one hash');
  return root;
};

/** The hash of a range from those of its subtrees, widest first. */
export const hashOfSubtrees = (hashes: readonly Buffer[], hash: HashChildren): Buffer => {
  const root = hashes.reduceRight<Buffer | null>((right, left) => (right ? hash(left, right) : left), null);
  if (!root) throw new RangeError('a range has at least one leaf');
  return root;
};

const split = (hashes: Buffer): Buffer[] =>
  Array.from({ length: hashes.length / hashBytes }, (_, i) => hashes.subarray(i * hashBytes, (i + 1) * hashBytes));

/** What the bundle of a tile's entries holds: each entry after its length, a uint16 in big-endian order. */
export const toEntryBundle = (entries: readonly string[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      const bytes = Buffer.from(entry);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return [length, bytes];
    }),
  );

/** The disclosures of one entry, as the line of a tile's disclosures: a JSON array of SD-JWT disclosures. */
export const toDisclosureLine = (disclosures: string): string => {
  const lines = disclosures === '' ? [] : disclosures.split('\n');
  return `${JSON.stringify(lines.map((line) => Buffer.from(line).toString('base64url')))}\n`;
};

/** The lines of a tile's disclosures, one for each entry, as they are read. */
export async function* toDisclosureLines(disclosures: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const ofOne of disclosures) yield toDisclosureLine(ofOne);
}

/** Whether an entry was written before disclosures existed, and so holds its event in clear. Keys are in order, `_sd` first. */
export const isOldForm = (entry: string): boolean => !entry.startsWith('{"_sd');
