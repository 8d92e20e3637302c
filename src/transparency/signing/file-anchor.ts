import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../process/sync-folder.ts';
import type { Anchor } from '../ports/anchor.ts';

/** Keeps the latest checkpoint in DATA_DIR. The file is replaced as a whole, so it always holds a whole note. */
export const makeFileAnchor = ({ dataDir }: { dataDir: string }): Anchor => {
  const file = path.join(dataDir, 'log.checkpoint');
  // Another process with the same DATA_DIR writes to a draft of its own.
  const draft = `${file}.${process.pid}`;
  return {
    name: file,
    read: async () => {
      try {
        return [await readFile(file, 'utf8')];
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
        throw error;
      }
    },
    put: async (note) => {
      const handle = await open(draft, 'w', 0o600);
      try {
        await handle.writeFile(note);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
      syncFolder(dataDir);
    },
  };
};
