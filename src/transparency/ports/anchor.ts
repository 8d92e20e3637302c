/** A place outside the database where checkpoints are kept, so that a database that went back in time is found out. */
export type Anchor = {
  /** Names the place for people. */
  readonly name: string;
  /** The notes that it holds, or the latest of them. Throws if the place cannot be read at the moment. */
  read(signal: AbortSignal): Promise<string[]>;
  /** Keeps a note. Throws if the place does not take it. */
  put(note: string, signal: AbortSignal): Promise<void>;
  close?(): void;
};
