import type { Writable } from 'node:stream';

/** stdout or stderr of a process. Its reader can go away at any moment. */
export type Output = {
  /** For code that must know what became of each line. Errors of the stream are already handled. */
  stream: Writable;
  /** Writes a line. If the stream does not take it, the line is lost and counted. */
  write(line: string): void;
  /** What is wrong with the stream; null while it takes what is written, as far as known. */
  trouble(): { error: Error; since: Date } | null;
  lostLines(): number;
};
