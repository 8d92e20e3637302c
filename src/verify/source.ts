import type { Columns } from './columns.ts';

/** One place of the log, as a source holds it. */
export type Leaf = {
  position: number;
  /** The entry's bytes; null: the source does not have them any more, or refuses to give them. */
  entry: Buffer | null;
  /** The hashes that the source keeps of the entry, and where. */
  kept: readonly { where: string; hash: Buffer }[];
  columns: Columns | null;
  /** As SD-JWTs carry them; null: the source does not give them. */
  disclosures: readonly string[] | null;
};

/** A checkpoint that the source holds. `epoch`, `size` and `root` are what stands beside the note, if anything does. */
export type StoredCheckpoint = { note: string; row: { epoch: number; size: number; root: Buffer } | null };

/** What a source says of the whole log. */
export type Head = {
  size: number;
  /** The log's name, if the source says it: the origin without an epoch. */
  log: string | null;
  /** The right edge and the root, where a database keeps them. */
  edge: readonly Buffer[] | null;
  root: Buffer | null;
  /** Up to here the source says that entries were pruned; null: it does not say. */
  prunedTo: number | null;
};

export type StoredTile = { hashes: Buffer; root: Buffer | null };

/** Where a log is read from. All that it gives belongs to one instant. */
export type Source = {
  kind: 'database' | 'bundle' | 'server';
  head: Head;
  /** In order of size. */
  checkpoints(): AsyncIterable<StoredCheckpoint>;
  /** Every place after a position, in order and without gaps, in pages. Throws Tampered. */
  leaves(after: number): AsyncIterable<readonly Leaf[]>;
  /** A tile with its first `width` hashes; null if there is none. */
  tile(level: number, index: number, width: number): Promise<StoredTile | null>;
  /** Whether the tile at a level's end is stored as well. */
  hasPartialTiles: boolean;
  /** Looks for what should not be there, once everything else is read. Throws Tampered. */
  checkRest?(): Promise<void>;
};
