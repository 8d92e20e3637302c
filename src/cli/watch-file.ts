import { readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../process/sync-folder.ts';
import type { Watch } from '../verify/follow.ts';

const count = z.int().min(0);
const hashes = z.array(z.string());
const watchSchema = z.object({
  version: z.literal(1),
  checkpoints: z.array(z.string()).min(1),
  verification: z.object({
    tree: z.object({ size: count, edge: hashes, tiles: z.array(hashes) }),
    declared: z.object({
      prunedTo: count,
      erased: z.array(z.object({ actorId: z.string(), position: count, at: z.number() })),
      epoch: count,
      epochAt: count,
      missing: z.array(z.object({ from: count, to: count })),
      withheld: z.array(z.object({ actorId: z.string(), position: count })),
    }),
    keys: z.array(z.string()),
    log: z.string().nullable(),
    signedTo: count,
    checked: z.object({
      entries: count,
      oldEntries: count,
      pruned: count,
      undisclosed: count,
      columns: count,
      disclosures: count,
      erased: count,
      declaredLost: count,
      tiles: count,
      checkpoints: count,
      pins: count,
    }),
  }),
});

/** Reads what a watch has kept; null if there is no file yet. Throws an Error that says what to do. */
export const loadWatch = (file: string): Watch | null => {
  try {
    return watchSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    const why = error instanceof z.ZodError || error instanceof SyntaxError ? 'it is not what --follow writes' : String(error);
    throw new Error(`the file of the watch '${file}' cannot be used: ${why}; delete it to start anew`);
  }
};

/** Replaces the file as a whole, so that an interruption leaves the old one or the new one. */
export const saveWatch = async (file: string, watch: Watch): Promise<void> => {
  const temporary = `${file}.${process.pid}.partial`;
  rmSync(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(watch));
    await handle.sync();
  } finally {
    await handle.close();
  }
  renameSync(temporary, file);
  syncFolder(path.dirname(path.resolve(file)));
};
