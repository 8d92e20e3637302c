import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { syncFolder } from '../../process/sync-folder.ts';
import { deadLetterFile, type LostEvent } from '../ports/spool.ts';

/** A line of the file: an event that was given up, when and why. */
export type DeadLetter = LostEvent & {
  at: string;
  reason: string;
  logId: string;
  /** Exactly what the outbox did not take. */
  event: string;
};

type Deps = {
  /** DATA_DIR, which exists. */
  folder: string;
  /** How many bytes each of the two files can hold. */
  maxBytes: number;
  onProblem: (message: string) => void;
};

const olderFile = 'dead-letters.1.ndjson';

/**
 * Keeps the bodies of events that were given up in `dead-letters.ndjson`, for people to look at. A full file becomes
 * `dead-letters.1.ndjson` and replaces the one of that name, so that the newest are kept and the disk does not fill.
 */
export const makeDeadLetters = ({ folder, maxBytes, onProblem }: Deps) => {
  const file = path.join(folder, deadLetterFile);
  const older = path.join(folder, olderFile);
  const counted = new Map<string, { size: number; inode: number; lines: number }>();

  const rotate = () => {
    const dropped = countLines(older);
    renameSync(file, older);
    if (dropped > 0)
      onProblem(`${file} was full: ${dropped} older dead letters of ${older} are gone, and the log has counted them`);
  };

  const countLines = (name: string): number => {
    const found = statSync(name, { throwIfNoEntry: false });
    if (!found) return 0;
    const known = counted.get(name);
    if (known?.size === found.size && known.inode === found.ino) return known.lines;
    const lines = readFileSync(name).reduce((sum, byte) => sum + (byte === newline ? 1 : 0), 0);
    counted.set(name, { size: found.size, inode: found.ino, lines });
    return lines;
  };

  return {
    /** Writes the letters to the disk. One process at a time may call it. Never throws: the log counts their events anyway. */
    add: (letters: readonly DeadLetter[]): void => {
      try {
        for (const letter of letters) {
          const line = `${JSON.stringify(letter)}\n`;
          const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
          if (size > 0 && size + Buffer.byteLength(line) > maxBytes) rotate();
          append(file, line);
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        onProblem(`${letters.length} lost events could not be kept in ${file}: ${why}`);
      }
    },
    /** How many there are to look at. */
    count: (): number => {
      try {
        return countLines(file) + countLines(older);
      } catch {
        return 0;
      }
    },
  };
};

const newline = 0x0a;

/** The line is on the disk when this returns. What a crash left of another line stays a line of its own. */
const append = (file: string, line: string): void => {
  const descriptor = openSync(file, 'a+', 0o600);
  try {
    const { size } = fstatSync(descriptor);
    const last = Buffer.alloc(1);
    if (size > 0) readSync(descriptor, last, 0, 1, size - 1);
    writeSync(descriptor, size > 0 && last[0] !== newline ? `\n${line}` : line);
    fsyncSync(descriptor);
    if (size === 0) syncFolder(path.dirname(file));
  } finally {
    closeSync(descriptor);
  }
};
