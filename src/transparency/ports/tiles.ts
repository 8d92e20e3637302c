/** An entry in a bundle; null if it is longer than a bundle can hold. Only entries from before disclosures are that long. */
export type BundledEntry = { position: number; entry: string | null };

/** The tiles of the tree (level 0 to 63, index, width 1 to 256), and what lies beneath those of level 0. */
export type Tiles = {
  /** The first hashes of a tile; null if the tree is not that large. */
  tile(level: number, index: number, width: number): Promise<Buffer | null>;
  /** The first entries of a tile; null if the log does not hold all of them: not yet, or no longer. */
  entryBundle(index: number, width: number): Promise<BundledEntry[] | null>;
  /** The disclosures of the first entries of a tile, in order: the lines of each that readers may see, '' if there are none. */
  disclosures(index: number, width: number): AsyncIterable<string>;
};
