import { type Checkpoint, parseCheckpoint, parseOrigin } from './checkpoint.ts';
import { CouldNotCheck, Tampered } from './outcome.ts';
import type { Source, StoredCheckpoint } from './source.ts';

/** A checkpoint to compare the tree with: the source's own, or a pin that the auditor kept. */
export type Claim = Checkpoint & { epoch: number; log: string; pin: string | null };

/** A checkpoint that the auditor kept, and the name of its file. */
export type Pin = { name: string; note: string };

/** Reads a pin. Throws CouldNotCheck. */
export const parsePin = ({ name, note }: Pin): Claim => {
  const checkpoint = parseCheckpoint(note);
  if (!checkpoint)
    throw new CouldNotCheck(`the pin '${name}' is no checkpoint; allowed: a signed note, as /log/checkpoint gives it`);
  return { ...checkpoint, ...parseOrigin(checkpoint.origin), pin: name };
};

const parseStored = ({ note, row }: StoredCheckpoint): Claim => {
  const checkpoint = parseCheckpoint(note);
  const size = row?.size ?? null;
  if (!checkpoint) {
    const which = size === null ? 'The checkpoint' : `The checkpoint of size ${size}`;
    throw new Tampered('checkpoint', size || null, `${which} is not a signed note.`);
  }
  const { log, epoch } = parseOrigin(checkpoint.origin);
  if (row && (row.epoch !== epoch || row.size !== checkpoint.size || !row.root.equals(checkpoint.root)))
    throw new Tampered(
      'checkpoint',
      row.size || null,
      `The columns beside the checkpoint of size ${row.size} do not say what its signed note says.`,
    );
  return { ...checkpoint, log, epoch, pin: null };
};

/** Gives claims in order of size, the source's and the pins', and holds one of the source's at a time. */
export const makePending = (source: Pick<Source, 'checkpoints'>, pins: readonly Claim[]) => {
  const stored = source.checkpoints()[Symbol.asyncIterator]();
  const kept = pins.toSorted((a, b) => a.size - b.size);
  let next: Claim | null = null;
  const advance = async () => {
    const { done, value } = await stored.next();
    next = done ? null : parseStored(value);
  };
  return {
    start: advance,
    /** The size of the next claim. */
    nextSize: (): number => Math.min(next?.size ?? Number.POSITIVE_INFINITY, kept[0]?.size ?? Number.POSITIVE_INFINITY),
    /** All claims of this size. */
    take: async (size: number): Promise<Claim[]> => {
      const taken: Claim[] = [];
      for (; next?.size === size; await advance()) taken.push(next);
      while (kept[0]?.size === size) taken.push(kept.shift() as Claim);
      return taken;
    },
    /** The largest of all that is left; null if nothing is. */
    rest: async (): Promise<Claim | null> => {
      let largest = kept.at(-1) ?? null;
      for (; next; await advance()) if (!largest || next.size > largest.size) largest = next;
      return largest;
    },
    close: async () => void (await stored.return?.()),
  };
};
