import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { syncFolder } from './sync-folder.ts';

/** How many files and folders of DATA_DIR others could use, and how many of them others still can. */
export type ExposedEntries = { exposed: number; stillExposed: number };

const permissionsOfOthers = 0o077;
const sticky = 0o1000;
/**
 * Files that Flagtrail keeps there. The development keys are not among them: if others could read one, it is refused rather than
 * repaired.
 */
const isOurs = (name: string): boolean => /^(pglite$|flagtrail\.lock|spool\.sqlite|log\.checkpoint|dead-letters)/.test(name);

/**
 * Makes DATA_DIR and its parents, so that only its owner can use it. If it exists, takes the rights of everybody else from it and
 * from all files that Flagtrail keeps there. Leaves other files alone, and also a folder that everybody shares, such as /tmp.
 * Follows no links below the folder. Throws the system's error if the folder cannot be made or read.
 */
export const makePrivateFolder = (folder: string): ExposedEntries => {
  makeFolder(path.dirname(path.resolve(folder)));
  makeFolder(folder, 0o700);
  // Windows has no such modes.
  if (process.platform === 'win32') return { exposed: 0, stillExposed: 0 };
  const shared = (statSync(folder).mode & sticky) !== 0;
  const exposed = [...(shared ? [] : [folder]), ...entriesBelow(folder)].filter((entry) => isExposed(entry, folder));
  return { exposed: exposed.length, stillExposed: exposed.filter((entry) => !removePermissionsOfOthers(entry)).length };
};

const makeFolder = (folder: string, mode = 0o777): void => {
  const first = mkdirSync(folder, { recursive: true, mode });
  // After a power cut, a file in a new folder can be found only if the folder itself can.
  if (first !== undefined) syncFolder(path.dirname(first));
};

function* entriesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true }).filter(({ name }) => isOurs(name))) {
    const ours = path.join(folder, entry.name);
    yield ours;
    if (!entry.isDirectory()) continue;
    for (const { name, parentPath } of readdirSync(ours, { withFileTypes: true, recursive: true }))
      yield path.join(parentPath, name);
  }
}

/** The folder itself can be a link, and its target counts. Another process can delete files meanwhile. */
const isExposed = (entry: string, folder: string): boolean => {
  const found = (entry === folder ? statSync : lstatSync)(entry, { throwIfNoEntry: false });
  return found !== undefined && !found.isSymbolicLink() && (found.mode & permissionsOfOthers) !== 0;
};

/** Returns false if the file belongs to somebody else. */
const removePermissionsOfOthers = (entry: string): boolean => {
  try {
    chmodSync(entry, statSync(entry).mode & 0o700);
    return true;
  } catch {
    return false;
  }
};
