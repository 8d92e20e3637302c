import { hash } from 'node:crypto';

// The Merkle tree of RFC 6962 and RFC 9162, built leaf by leaf in memory that grows with the logarithm of its size.

/** How many hashes a full tile holds (C2SP tlog-tiles). */
export const tileWidth = 256;
const tileHeight = 8;

export const hashLength = 32;

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** SHA-256(0x00 || entry). */
export const leafHash = (entry: Uint8Array): Buffer => {
  const input = Buffer.allocUnsafe(entry.length + 1);
  input[0] = 0;
  input.set(entry, 1);
  return sha256(input);
};

// Filled and hashed without a pause, so one will do.
const pair = Buffer.alloc(1 + 2 * hashLength, 1);

/** SHA-256(0x01 || left || right). */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => {
  pair.set(left, 1);
  pair.set(right, 1 + hashLength);
  return sha256(pair);
};

const emptyRoot = sha256(Buffer.alloc(0));

/** A tile that the last leaf completed: its 256 hashes, and their root, which is a hash of the tile above. */
export type FullTile = { level: number; index: number; hashes: readonly Buffer[]; root: Buffer };

/** Everything of a tree that its next leaf needs. */
export type TreeState = { size: number; edge: string[]; tiles: string[][] };

export type Tree = {
  readonly size: number;
  /** Adds a leaf, and returns the tiles that it completed, lowest first. */
  append(leaf: Buffer): readonly FullTile[];
  root(): Buffer;
  /** The hashes of the full subtrees, widest first. */
  edge(): readonly Buffer[];
  /** The hashes of the tile at the end of a level; empty if the level ends with a full tile. */
  partialTile(level: number): readonly Buffer[];
  levels(): number;
  save(): TreeState;
};

const none: readonly FullTile[] = [];
const fromBase64 = (text: string): Buffer => Buffer.from(text, 'base64');
const toBase64 = (bytes: Buffer): string => bytes.toString('base64');

/** An empty tree, or one that was saved. */
export const makeTree = (saved: TreeState = { size: 0, edge: [], tiles: [[]] }): Tree => {
  let size = saved.size;
  const edge = saved.edge.map(fromBase64);
  const tiles = saved.tiles.map((hashes) => hashes.map(fromBase64));
  /** Adds a hash to the tile at a level's end. */
  const addToTile = (level: number, hash: Buffer) => {
    tiles[level] ??= [];
    tiles[level].push(hash);
  };
  return {
    get size() {
      return size;
    },
    append: (leaf) => {
      let full: FullTile[] | null = null;
      let node = leaf;
      addToTile(0, leaf);
      // The tree so far ends with full subtrees, one for each bit of its size. Equal ones become one of twice the width.
      let rest = size;
      for (let height = 1; rest % 2 === 1; height++) {
        rest = (rest - 1) / 2;
        node = nodeHash(edge.pop() as Buffer, node);
        if (height % tileHeight !== 0) continue;
        const level = height / tileHeight - 1;
        full ??= [];
        full.push({ level, index: Math.floor(size / 2 ** height), hashes: tiles[level] ?? [], root: node });
        tiles[level] = [];
        addToTile(level + 1, node);
      }
      edge.push(node);
      size++;
      return full ?? none;
    },
    root: () => {
      const last = edge.at(-1);
      return last ? edge.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last) : emptyRoot;
    },
    edge: () => edge,
    partialTile: (level) => tiles[level] ?? [],
    levels: () => tiles.length,
    save: () => ({ size, edge: edge.map(toBase64), tiles: tiles.map((hashes) => hashes.map(toBase64)) }),
  };
};
