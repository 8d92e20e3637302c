import type { Checkpoint, TreeHead } from './tree.ts';

/** What one look at the database says: where the log is, whose key signs it, and how far it is signed. */
export type LogState = TreeHead & {
  /** The verifier line of the key that signs the log now; null if nobody has signed yet. */
  signingKey: string | null;
  /** Whether the log itself says that its epoch began; the first one needs no event. */
  isEpochDeclared: boolean;
  /** The largest checkpoint of the head's epoch. */
  latest: Checkpoint | null;
};

/** Where checkpoints are kept. */
export type SigningStore = {
  /** One statement, so that what it says belongs together. */
  readState(): Promise<LogState>;
  /** Makes this key the one that signs, if nobody has signed yet. Returns the key that signs now. */
  adoptKey(verifierLine: string): Promise<string>;
  /**
   * Keeps a checkpoint; one that is there already is left alone. Returns false, and keeps nothing, if another one was signed less
   * than `pauseMs` before it. Throws a ForkedCheckpointError if another root was signed for its size.
   */
  keep(checkpoint: Checkpoint, pauseMs: number): Promise<boolean>;
};
