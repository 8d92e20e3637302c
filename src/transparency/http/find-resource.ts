import { maxEntryBytes } from '../../audit/model/entry.ts';
import { tileWidth } from '../../audit/model/log-pruned.ts';
import { type LogResource, toLogPath } from '../model/log-path.ts';
import { hashesAtLevel, isOldForm, toDisclosureLines, toEntryBundle } from '../model/tiles.ts';
import type { BundledEntry, Tiles } from '../ports/tiles.ts';
import type { Checkpoint, Checkpoints } from '../ports/tree.ts';
import { LogRefusal } from './log-refusal.ts';

type Deps = { tiles: Tiles; checkpoints: Pick<Checkpoints, 'latest'> };

/** What a resource holds: all of it, or, where that could be very much, line by line. */
export type FoundResource =
  | { type: string; body: Buffer; isImmutable: boolean; compressed: boolean; isForAuditors: boolean }
  | { type: string; lines: AsyncIterable<string> };

/**
 * Finds what a resource holds. Throws a LogRefusal for what the latest checkpoint does not cover: nobody has signed it yet, so a
 * restored database could hold something else there, and caches keep what they are given.
 */
export const makeFindResource =
  ({ tiles, checkpoints }: Deps) =>
  async (resource: LogResource): Promise<FoundResource> => {
    const checkpoint = await checkpoints.latest();
    if (!checkpoint) throw new LogRefusal(404, 'no checkpoint has been signed yet: try again in a few seconds');
    if (resource.kind === 'checkpoint') {
      const body = Buffer.from(checkpoint.note);
      return { type: 'text/plain; charset=utf-8', body, isImmutable: false, compressed: false, isForAuditors: false };
    }
    refuseUncovered(resource, checkpoint);
    const { index, width } = resource;
    if (resource.kind === 'disclosures') {
      return { type: 'application/x-ndjson', lines: toDisclosureLines(tiles.disclosures(index, width)) };
    }
    const immutable = { type: 'application/octet-stream', isImmutable: true };
    if (resource.kind === 'tile') {
      const body = await tiles.tile(resource.level, index, width);
      if (!body) throw new Error(`the log lacks ${toLogPath(resource)}, which its checkpoint of size ${checkpoint.size} covers`);
      // Hashes cannot be compressed.
      return { ...immutable, body, compressed: false, isForAuditors: false };
    }
    const entries = await tiles.entryBundle(index, width);
    if (!entries) throw new LogRefusal(404, `${toLogPath(resource)} is no longer in the log: its entries were pruned`);
    const texts = entries.map(textOf);
    return { ...immutable, body: toEntryBundle(texts), compressed: true, isForAuditors: texts.some(isOldForm) };
  };

const refuseUncovered = (resource: Exclude<LogResource, { kind: 'checkpoint' }>, { size }: Checkpoint): void => {
  const level = resource.kind === 'tile' ? resource.level : 0;
  const covered = hashesAtLevel(level, size) - resource.index * tileWidth;
  if (resource.width <= covered) return;
  const instead = covered > 0 ? `: ask for ${toLogPath({ ...resource, width: covered })}` : '';
  throw new LogRefusal(
    404,
    `${toLogPath(resource)} reaches beyond the latest checkpoint, which covers ${size} entries${instead}`,
  );
};

const textOf = ({ position, entry }: BundledEntry): string => {
  if (entry !== null) return entry;
  throw new LogRefusal(
    404,
    `the entry at position ${position} is longer than ${maxEntryBytes} bytes, the most that a bundle can hold. It was recorded before entries had a limit: read it with the query auditInclusionProof, or in an exported bundle`,
  );
};
