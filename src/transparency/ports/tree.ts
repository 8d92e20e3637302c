export type TreeHead = { logId: string; epoch: number; size: number; rootHash: Buffer };
/** A note that was signed for a size of the tree. */
export type Checkpoint = { epoch: number; size: number; rootHash: Buffer; note: string; signedAt: Date };
export type Tree = {
  head(): Promise<TreeHead>;
  /** The root of the first `size` leaves. Throws a RangeError beyond the head. */
  rootAt(size: number): Promise<Buffer>;
  inclusionProof(leafIndex: number, size: number): Promise<Buffer[]>;
  consistencyProof(from: number, to: number): Promise<Buffer[]>;
};
export type Checkpoints = {
  latest(): Promise<Checkpoint | null>;
  /** The database refuses another root for the same size. */
  add(checkpoint: Checkpoint): Promise<void>;
};
