import { parseCheckpoint, parseOrigin } from './checkpoint.ts';
import { CouldNotCheck, positions, Tampered, Unreachable } from './outcome.ts';
import type { Leaf, Source } from './source.ts';
import { paths } from './tile-paths.ts';
import { hashLength, tileWidth } from './tree.ts';

/** Reads a file of the layout; null if there is none. Throws CouldNotCheck. */
export type ReadFile = (path: string) => Promise<Buffer | null>;

/** Bundles of entries that are read ahead, because a server is far away. */
const ahead = 4;

/** A log in the layout of C2SP tlog-tiles, as a server serves it and a bundle holds it. */
export const openTiles = async ({ kind, read }: { kind: 'bundle' | 'server'; read: ReadFile }): Promise<Source> => {
  const note = (await read(paths.checkpoint))?.toString('utf8');
  if (note === undefined) {
    const Problem = kind === 'server' ? Unreachable : CouldNotCheck;
    throw new Problem(`the ${kind} has no checkpoint, so nothing of it is signed`);
  }
  const checkpoint = parseCheckpoint(note);
  if (!checkpoint) {
    // What stands between a server and its reader may answer in its place.
    if (kind === 'server') throw new Unreachable('what the server gives as its checkpoint is not a signed note');
    throw new Tampered('checkpoint', null, 'The checkpoint of the bundle is not a signed note.');
  }
  const { size, origin } = checkpoint;

  const readBundle = async (index: number): Promise<Leaf[]> => {
    const width = Math.min(tileWidth, size - index * tileWidth);
    const [entries, tile, disclosures] = await Promise.all([
      read(paths.entries(index, width)),
      read(paths.tile(0, index, width)),
      read(paths.disclosures(index, width)),
    ]);
    const [from, to] = [index * tileWidth + 1, index * tileWidth + width];
    if (tile?.length !== width * hashLength)
      throw new Tampered(
        'tile',
        [from, to],
        `The tile with the hashes of ${positions(from, to)} is ${tile ? 'damaged' : 'missing'}.`,
      );
    const ofEntries = entries ? splitEntries(entries, [from, to]) : null;
    const ofEvents = disclosures && ofEntries ? parseDisclosures(disclosures, [from, to]) : null;
    const leaves: Leaf[] = [];
    for (let n = 0; n < width; n++) {
      const position = from + n;
      const entry = ofEntries?.[n] ?? null;
      const isElsewhere = entry?.length === 0;
      leaves.push({
        position,
        // Left out on purpose, it would be missed in its own place.
        entry: isElsewhere ? await readLarge(position) : entry,
        kept: [{ where: `the tile of ${positions(from, to)}`, hash: tile.subarray(n * hashLength, (n + 1) * hashLength) }],
        columns: null,
        disclosures: ofEvents?.[n] ?? null,
      });
    }
    return leaves;
  };
  const readLarge = async (position: number): Promise<Buffer> => {
    const entry = await read(paths.largeEntry(position));
    if (!entry)
      throw new Tampered(
        'missing',
        position,
        `The entry at position ${position} is missing: there is no ${paths.largeEntry(position)}.`,
      );
    return entry;
  };

  async function* leaves(after: number): AsyncGenerator<readonly Leaf[]> {
    const end = Math.ceil(size / tileWidth);
    const waiting: Promise<Leaf[]>[] = [];
    for (let index = Math.floor(after / tileWidth), next = index; index < end; index++) {
      while (next < end && waiting.length < ahead) {
        const bundle = readBundle(next++);
        // Whoever stops here never looks at the later ones, whose failure must not end the process.
        bundle.catch(() => {});
        waiting.push(bundle);
      }
      const page = (await waiting.shift()) ?? [];
      yield page.filter(({ position }) => position > after);
    }
  }

  return {
    kind,
    head: { size, log: parseOrigin(origin).log, edge: null, root: null, prunedTo: null },
    async *checkpoints() {
      yield { note, row: null };
    },
    leaves,
    tile: async (level, index, width) => {
      const hashes = await read(paths.tile(level, index, width));
      return hashes && { hashes, root: null };
    },
    hasPartialTiles: true,
  };
};

type Range = [from: number, to: number];

/** Takes a bundle of entries apart: each has its length before it, in two bytes. */
const splitEntries = (bundle: Buffer, [from, to]: Range): Buffer[] => {
  const entries: Buffer[] = [];
  let at = 0;
  for (let position = from; position <= to; position++) {
    const end = at + 2 + (at + 2 <= bundle.length ? bundle.readUInt16BE(at) : Number.POSITIVE_INFINITY);
    if (end > bundle.length)
      throw new Tampered(
        'missing',
        [position, to],
        `The bundle of the entries at ${positions(from, to)} ends before the entry at position ${position} does.`,
      );
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  if (at !== bundle.length)
    throw new Tampered('extra', [from, to], `The bundle of the entries at ${positions(from, to)} holds more than these.`);
  return entries;
};

const parseDisclosures = (file: Buffer, [from, to]: Range): string[][] => {
  const lines = file.toString('utf8').replace(/\n$/, '').split('\n');
  if (lines.length !== to - from + 1)
    throw new Tampered(
      'disclosure',
      [from, to],
      `The file with the disclosures of ${positions(from, to)} has ${lines.length} lines; it must have one for each event.`,
    );
  return lines.map((line, n) => {
    const parsed = parseJson(line);
    if (!Array.isArray(parsed) || !parsed.every((one): one is string => typeof one === 'string'))
      throw new Tampered('disclosure', from + n, `The disclosures of the event at position ${from + n} are not a list of text.`);
    return parsed;
  });
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
