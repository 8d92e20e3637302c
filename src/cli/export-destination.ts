import { chmodSync, lstatSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidArgumentError } from 'commander';
import { escapeControls } from '../kernel/escape-controls.ts';
import { syncFolder } from '../process/sync-folder.ts';

/**
 * Writes text to a file, or to `stdout` if `file` is null, no faster than the destination accepts it. The file gets its name
 * only when it is complete and on disk, so an interrupted export never looks complete. Only its owner can read a new file,
 * because events name people; an existing file keeps its permissions. On a terminal, control characters are escaped. Returns
 * false if the reader of the stream closed it, as `head` does.
 */
export const writeExport = async (
  text: AsyncIterable<string>,
  { file, stdout }: { file: string | null; stdout: Writable & { isTTY?: boolean } },
) => {
  if (file !== null) {
    await writeWhole(text, file);
    return true;
  }
  try {
    await pipeline(stdout.isTTY ? forTerminal(text) : text, stdout, { end: false });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return false;
    throw error;
  }
};

async function* forTerminal(text: AsyncIterable<string>) {
  for await (const part of text) yield escapeControls(part);
}

const writeWhole = async (text: AsyncIterable<string>, file: string): Promise<void> => {
  // Renaming a file over a device would replace the device: as root, /dev/null for everybody.
  const refusal = refuseFile(file);
  if (refusal !== null) throw new Error(`'${file}' cannot be written; allowed: ${refusal}`);
  const found = statSync(file, { throwIfNoEntry: false });
  const target = found ? realpathSync(file) : file;
  const temporary = `${target}.${process.pid}.partial`;
  // A file that a killed process left behind would keep its permissions.
  rmSync(temporary, { force: true });
  // Opened here, not by the stream: the stream could open the file after an error has removed it.
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await pipeline(text, handle.createWriteStream({ flush: true }));
    if (found) chmodSync(temporary, found.mode & 0o777);
    renameSync(temporary, target);
    syncFolder(path.dirname(target));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
};

/** Finds why the file cannot be written; null if nothing speaks against it yet. */
const refuseFile = (file: string): string | null => {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found && !found.isFile()) return 'the name of a file: this is not a file';
  // Renaming over the link would replace the link and not create its target.
  if (!found && lstatSync(file, { throwIfNoEntry: false })) return 'a file, or a link to one that exists: this link is broken';
  const folder = path.dirname(file);
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? null : `a file in a folder that exists: ${folder} does not`;
};

/** Parses an option that names the output file. Throws an InvalidArgumentError. */
export const parseOutputFile = (file: string): string => {
  const refusal = file === '' ? 'the name of a file' : refuseFile(file);
  if (refusal !== null) throw new InvalidArgumentError(`allowed: ${refusal}`);
  return file;
};
