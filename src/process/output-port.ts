import type { Writable } from 'node:stream';

/** stdout or stderr of a process, whose reader may go away at any moment. */
export type Output = {
  /** For those who must know what became of each line. It may fail without harm: its owner hears its errors. */
  stream: Writable;
  /** A line for whoever reads. One that the stream does not take is lost, and counted. */
  write(line: string): void;
  /** Null while the stream takes what is written, as far as known. */
  trouble(): { error: Error; since: Date } | null;
  lostLines(): number;
};
