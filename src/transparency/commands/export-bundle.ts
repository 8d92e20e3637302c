import { tileWidth } from '../../audit/model/log-pruned.ts';
import { type LogResource, toLogPath } from '../model/log-path.ts';
import { hashesAtLevel, toDisclosureLines, toEntryBundle } from '../model/tiles.ts';
import type { BundleReads, BundleWriter } from '../ports/bundle.ts';
import type { Checkpoints } from '../ports/tree.ts';

type Deps = {
  checkpoints: Pick<Checkpoints, 'latest'>;
  /** Runs `work` on the log as it is at one instant. */
  inSnapshot: <Result>(work: (log: BundleReads) => Promise<Result>) => Promise<Result>;
};
type Options = {
  writer: BundleWriter;
  onProgress: (done: number, size: number) => void;
  signal: AbortSignal;
};

/** The log cannot be exported now. The message says what to do. */
class BundleRefusedError extends Error {
  override readonly name = 'BundleRefusedError';
}

/**
 * Exports the log up to its latest checkpoint, in the layout in which it is served, with all disclosures: whoever has it needs
 * nothing else to verify it. Holds one tile in memory. Returns how many entries there are. Throws a BundleRefusedError, and the
 * signal's reason.
 */
export const makeExportBundle =
  ({ checkpoints, inSnapshot }: Deps) =>
  async ({ writer, onProgress, signal }: Options): Promise<number> => {
    // Read before the snapshot, which holds at least what it covers.
    const checkpoint = await checkpoints.latest();
    if (!checkpoint)
      throw new BundleRefusedError(
        'the log has no checkpoint yet: it is signed by a service with the role audit, about once a second',
      );
    const { size } = checkpoint;
    await inSnapshot(async (log) => {
      // Without the event that declares it, a verifier would take what is missing for tampering.
      if (await log.forgetsBeyond(size))
        throw new BundleRefusedError(
          'something was erased or pruned a moment ago, and that is not signed yet: try again in a few seconds',
        );
      for (const tile of tilesOf(size)) {
        signal.throwIfAborted();
        await writeTile(log, writer, tile);
        if (tile.level === 0) onProgress(tile.index * tileWidth + tile.width, size);
      }
    });
    // Last, so that nothing without it looks like a bundle.
    await writer.write(toLogPath({ kind: 'checkpoint' }), Buffer.from(checkpoint.note));
    return size;
  };

type Tile = { level: number; index: number; width: number };

function* tilesOf(size: number): Generator<Tile> {
  for (let level = 0; hashesAtLevel(level, size) > 0; level++) {
    const hashes = hashesAtLevel(level, size);
    for (let index = 0; index * tileWidth < hashes; index++)
      yield { level, index, width: Math.min(tileWidth, hashes - index * tileWidth) };
  }
}

const writeTile = async (log: BundleReads, writer: BundleWriter, tile: Tile): Promise<void> => {
  const { level, index, width } = tile;
  const hashes = await log.tile(level, index, width);
  const path = (kind: 'entries' | 'disclosures') => toLogPath({ kind, index, width });
  const resource: LogResource = { kind: 'tile', ...tile };
  if (!hashes) throw new Error(`the log lacks ${toLogPath(resource)}`);
  await writer.write(toLogPath(resource), hashes);
  if (level > 0) return;
  const entries = await log.entryBundle(index, width);
  // Pruned: the hashes are all that is left.
  if (!entries) return;
  // An entry is never empty, so an empty one says that the entry is elsewhere.
  await writer.write(path('entries'), toEntryBundle(entries.map(({ entry }) => entry ?? '')));
  for (const { position, entry } of entries)
    if (entry === null) await writer.write(`large-entries/${position}`, Buffer.from(await log.entry(position)));
  await writer.write(path('disclosures'), toDisclosureLines(log.disclosures(index, width)));
};
