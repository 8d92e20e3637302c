import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Writes a folder's list of files to the disk, so that a file that was made or renamed in it survives a power cut. */
export const syncFolder = (folder: string): void => {
  // Windows cannot do this, and does not need it.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
