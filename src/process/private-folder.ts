import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { syncFolder } from './sync-folder.ts';

/** What was not private in DATA_DIR: how many of its files and folders others could use, and how many of them still can. */
export type Mended = { exposed: number; stillExposed: number };

const forOthers = 0o077;
const sticky = 0o1000;
/** What Flagtrail keeps there. The development key is not among it: one that others could read is refused, not mended. */
const isOurs = (name: string): boolean => /^(pglite$|flagtrail\.lock|spool\.sqlite)/.test(name);

/**
 * Makes DATA_DIR, with its parents, so that its owner alone can use it; takes one that exists, and all that Flagtrail keeps in
 * it, from everybody else. Leaves other files alone, and a folder that everybody shares, such as /tmp. Follows no links below
 * it. Throws the system's error where the folder cannot be made or read.
 */
export const makePrivateFolder = (folder: string): Mended => {
  makeFolder(path.dirname(path.resolve(folder)));
  makeFolder(folder, 0o700);
  // Windows has no such modes.
  if (process.platform === 'win32') return { exposed: 0, stillExposed: 0 };
  const shared = (statSync(folder).mode & sticky) !== 0;
  const exposed = [...(shared ? [] : [folder]), ...entriesBelow(folder)].filter((entry) => isExposed(entry, folder));
  return { exposed: exposed.length, stillExposed: exposed.filter((entry) => !takeFromOthers(entry)).length };
};

const makeFolder = (folder: string, mode = 0o777): void => {
  const first = mkdirSync(folder, { recursive: true, mode });
  // What is written to a new folder can be found after a power cut only if the folder itself can.
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

/** The folder itself may be a link: what counts is where it leads. Another process may delete files meanwhile. */
const isExposed = (entry: string, folder: string): boolean => {
  const found = (entry === folder ? statSync : lstatSync)(entry, { throwIfNoEntry: false });
  return found !== undefined && !found.isSymbolicLink() && (found.mode & forOthers) !== 0;
};

/** False where the file is somebody else's. */
const takeFromOthers = (entry: string): boolean => {
  try {
    chmodSync(entry, statSync(entry).mode & 0o700);
    return true;
  } catch {
    return false;
  }
};
