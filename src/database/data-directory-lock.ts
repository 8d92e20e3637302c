import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isSqliteError, SQLITE_BUSY } from '../process/sqlite-errors.ts';

/** Another process, or another part of this one, uses the folder. */
export class DataDirectoryInUseError extends Error {
  override readonly name = 'DataDirectoryInUseError';
  readonly folder: string;
  constructor(folder: string) {
    super(
      `DATA_DIR '${folder}' is in use by another Flagtrail process, and the embedded database allows only one: stop that one, ` +
        'or set another DATA_DIR, or set DATABASE_URL to run several processes on PostgreSQL',
    );
    this.folder = folder;
  }
}

/**
 * Takes a folder for this process alone, and creates it if it is missing. Throws a DataDirectoryInUseError if the folder is in
 * use, and the system's error if it cannot be written.
 *
 * The lock is a file lock of the operating system, which ends with the process, however that ends. A file with a process id would
 * survive a `kill -9`, and in containers the next process often has the same id. SQLite takes the lock, because Node has no call
 * for it. Closing any other descriptor of the file would drop the lock (POSIX), which SQLite takes care of; so no other code may
 * ever open this file.
 */
export const acquireDataDirectory = (folder: string): { release(): void } => {
  mkdirSync(folder, { recursive: true });
  const lock = new DatabaseSync(path.join(folder, 'flagtrail.lock'), { timeout: 0 });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw isSqliteError(error, SQLITE_BUSY) ? new DataDirectoryInUseError(folder) : error;
  }
  return {
    release: () => {
      if (lock.isOpen) lock.close();
    },
  };
};
