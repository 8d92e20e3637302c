import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Puts on the disk which files a folder has: a file that was made in it, or renamed, is there after a power cut. */
export const syncFolder = (folder: string): void => {
  // Windows cannot, and need not.
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
