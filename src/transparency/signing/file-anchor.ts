import { open, readdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../process/sync-folder.ts';
import { parseCheckpointText } from '../model/checkpoint.ts';
import type { Anchor } from '../ports/anchor.ts';

/**
 * Keeps the latest checkpoint in DATA_DIR. The file is replaced as a whole, so it always holds a whole note. That of another log,
 * such as a database that was configured by mistake, is moved aside: it may be all that shows how far that log was.
 */
export const makeFileAnchor = ({ dataDir }: { dataDir: string }): Anchor => {
  const file = path.join(dataDir, 'log.checkpoint');
  // Another process with the same DATA_DIR writes to a draft of its own.
  const draft = `${file}.${process.pid}`;
  return {
    name: file,
    read: async () => {
      const aside = (await readdir(dataDir)).filter((name) => /^log\.checkpoint\.[\da-f-]{36}$/.test(name));
      const notes = await Promise.all([file, ...aside.map((name) => path.join(dataDir, name))].map(readNote));
      return notes.filter((note) => note !== null);
    },
    put: async (note) => {
      const handle = await open(draft, 'w', 0o600);
      try {
        await handle.writeFile(note);
        await handle.sync();
      } finally {
        await handle.close();
      }
      const other = logIdOf((await readNote(file)) ?? '');
      if (other !== null && other !== logIdOf(note)) await rename(file, `${file}.${other}`);
      await rename(draft, file);
      syncFolder(dataDir);
    },
  };
};

const readNote = async (file: string): Promise<string | null> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
};

/** Null for what is no checkpoint. */
const logIdOf = (note: string): string | null => parseCheckpointText(note.slice(0, note.indexOf('\n\n') + 1))?.logId ?? null;
