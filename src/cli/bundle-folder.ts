import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import { syncFolder } from '../process/sync-folder.ts';
import type { BundleWriter } from '../transparency/ports/bundle.ts';

/**
 * Lets `work` write a folder, which gets its name only when it is complete: an interrupted export leaves nothing. Only its owner
 * can read it, because events name people.
 */
export const writeBundle = async <Result>(folder: string, work: (writer: BundleWriter) => Promise<Result>): Promise<Result> => {
  const refusal = refuseFolder(folder);
  if (refusal !== null) throw new Error(`'${folder}' cannot be written; allowed: ${refusal}`);
  const temporary = `${path.resolve(folder)}.${process.pid}.partial`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  const made = new Set<string>();
  try {
    const result = await work({
      write: async (name, content) => {
        const file = path.join(temporary, name);
        const parent = path.dirname(file);
        if (!made.has(parent)) await mkdir(parent, { recursive: true, mode: 0o700 });
        made.add(parent);
        // Not flushed one by one: whether they all got to the disk, the verification of the bundle finds out.
        await writeFile(file, content, { mode: 0o600 });
      },
    });
    renameSync(temporary, folder);
    syncFolder(path.dirname(path.resolve(folder)));
    return result;
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
};

/** Finds why the folder cannot be made; null if nothing speaks against it yet. */
const refuseFolder = (folder: string): string | null => {
  if (statSync(folder, { throwIfNoEntry: false })) return 'a folder that does not exist yet: this one does';
  const parent = path.dirname(path.resolve(folder));
  return statSync(parent, { throwIfNoEntry: false })?.isDirectory() ? null : `a folder in one that exists: ${parent} does not`;
};

/** Parses an option that names the bundle's folder. Throws an InvalidArgumentError. */
export const parseBundleFolder = (folder: string): string => {
  const refusal = folder === '' ? 'the name of a folder' : refuseFolder(folder);
  if (refusal !== null) throw new InvalidArgumentError(`allowed: ${refusal}`);
  return folder;
};
