import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * Reads a file that somebody else wrote. Throws for one that is larger than `largest`, and for what is no file: a pipe would never
 * end, and a device neither.
 */
export const readBoundedFile = async (path: string, largest: number): Promise<Buffer> => {
  // Opened without waiting for a pipe's other end.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new Error('it is no file');
    if (found.size > largest) throw new Error(`it has ${found.size} bytes; allowed: up to ${largest}`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
};
