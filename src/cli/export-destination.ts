import { chmodSync, lstatSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidArgumentError } from 'commander';
import { escapeControls } from '../kernel/escape-controls.ts';
import { syncFolder } from '../process/sync-folder.ts';

/**
 * Writes text to a file, or to the given stream where `file` is null, no faster than it is taken. A file appears whole, under
 * its name, once everything is written and on the disk: an export that was interrupted never looks like one that was not. A
 * new file is its owner's alone, since events name people; one that was there keeps its permissions.
 * False where the reader of the stream went away, as `head` does. A terminal gets control characters escaped.
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
  // Renaming a file over a device would replace it: for root, that is /dev/null for everybody.
  const refusal = refuseFile(file);
  if (refusal !== null) throw new Error(`'${file}' cannot be written; allowed: ${refusal}`);
  const found = statSync(file, { throwIfNoEntry: false });
  const target = found ? realpathSync(file) : file;
  const temporary = `${target}.${process.pid}.partial`;
  // One that a killed process left would keep its permissions.
  rmSync(temporary, { force: true });
  // Open before anything can fail: a stream that opens it by itself might do so after it was removed.
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

/** Why no file of that name can be written; null where one can, as far as can be told before. */
const refuseFile = (file: string): string | null => {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found && !found.isFile()) return 'the name of a file: this is none';
  // To rename over it would replace the link, and leave nothing where it leads.
  if (!found && lstatSync(file, { throwIfNoEntry: false }))
    return 'a file, or a link to one that exists: this link leads nowhere';
  const folder = path.dirname(file);
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? null : `a file in a folder that exists: ${folder} does not`;
};

/** For an option that names the file to write; throws what commander shows. */
export const parseOutputFile = (file: string): string => {
  const refusal = file === '' ? 'the name of a file' : refuseFile(file);
  if (refusal !== null) throw new InvalidArgumentError(`allowed: ${refusal}`);
  return file;
};
