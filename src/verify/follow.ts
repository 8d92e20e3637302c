import { parseCheckpoint } from './checkpoint.ts';
import { parseKey } from './note.ts';
import { CouldNotCheck, positions, Tampered, Unreachable } from './outcome.ts';
import { type Pin, parsePin } from './pending.ts';
import type { Report } from './report.ts';
import { paths } from './tile-paths.ts';
import { openTiles, type ReadFile } from './tiles-source.ts';
import { makeVerification, type SavedVerification } from './verification.ts';
import { reportOf, verifyServer } from './verify.ts';

/** What is kept between two looks, and between two processes: how far the log was verified, and the latest checkpoints. */
export type Watch = { version: 1; verification: SavedVerification; checkpoints: string[] };

type Given = {
  read: ReadFile;
  keys: readonly string[];
  pins: readonly Pin[];
  load: () => Promise<Watch | null>;
  save: (watch: Watch) => Promise<void>;
  /** Is told of what happens, in a sentence. */
  tell: (kind: 'good' | 'same' | 'trouble', sentence: string) => void;
  /** Waits; returns at once when `signal` aborts. */
  wait: (ms: number) => Promise<void>;
  signal: AbortSignal;
  intervalMs: number;
  onProgress?: (done: number, size: number) => void;
};

const checkpointsKept = 100;
const longestPauseMs = 60_000;
/** A cache can be behind for a moment, and an event that declares what is missing comes a moment later: so look this often. */
const patience = 3;
/** A checkpoint that was seen before can come from a cache, but not for ever: it is also what a restored copy shows. */
const patienceWithCaches = 20;

/**
 * Watches a server: verifies what it serves, and then whatever is added, until `signal` aborts, or something is wrong. Trouble on
 * the way to the server is not the server's guilt: it is told, and tried again.
 */
export const follow = async ({
  keys,
  pins,
  load,
  save,
  tell,
  wait,
  signal,
  intervalMs,
  read,
  onProgress,
}: Given): Promise<Report> => {
  let watch = await load();
  if (watch) checkWatch(watch, keys);
  const begin = () => {
    const { verification: saved, checkpoints = [] } = watch ?? {};
    const open = watch ? [] : pins;
    const verification = makeVerification({ keys: keys.map(parseKey), keysAreGiven: true, pins: open, saved, onProgress });
    return { verification, checkpoints };
  };
  let { verification, checkpoints } = begin();
  if (watch) for (const pin of pins) comparePin(pin, watch);
  const report = (failure: unknown) => reportOf(verification, { warnings: [], states: null, failure });

  /** Looks once. Returns whether all is settled. */
  const look = async (attempt: number): Promise<boolean> => {
    const isLastChance = attempt >= patience;
    const note = (await read(paths.checkpoint))?.toString('utf8') ?? '';
    const { size = 0 } = parseCheckpoint(note) ?? {};
    const before = verification.tree.size;
    const seen = checkpoints.at(-1);
    if (note === seen && !verification.isWaiting()) {
      tell('same', `good: ${size} events, nothing new`);
      return true;
    }
    if (size < before && note !== '') {
      const isKnown = checkpoints.includes(note);
      if (isKnown && attempt === 1)
        tell('trouble', `the server gives its checkpoint of size ${size} again, after one of size ${before}`);
      if (attempt < (isKnown ? patienceWithCaches : patience)) return false;
      throw new Tampered(
        'rollback',
        [size + 1, before],
        `The server's log ends at position ${size}, but it had ${before} events before: what stood at ${positions(size + 1, before)} is gone.`,
      );
    }
    if (seen !== undefined && size === before && seen !== note) verification.pin({ name: 'seen before', note: seen });
    const source = await openTiles({
      kind: 'server',
      read: async (path) => (path === paths.checkpoint ? Buffer.from(note) : read(path)),
    });
    await verification.run(source);
    if (verification.isWaiting() && !isLastChance) return false;
    verification.conclude(source);
    if (!checkpoints.includes(note)) checkpoints = [...checkpoints, note].slice(-checkpointsKept);
    if (size > before || watch === null) {
      watch = { version: 1, verification: verification.save(), checkpoints };
      await save(watch);
      tell('good', `good: ${size} events, ${size - before} of them new`);
    }
    return true;
  };

  for (let [attempt, troubles] = [1, 0]; !signal.aborted; ) {
    try {
      const isSettled = await look(attempt);
      [attempt, troubles] = [isSettled ? 1 : attempt + 1, 0];
      await wait(intervalMs);
    } catch (error) {
      if (error instanceof Tampered) return (await locate(error)) ?? report(error);
      if (!(error instanceof Unreachable)) {
        if (error instanceof CouldNotCheck) return report(error);
        throw error;
      }
      // It may have stopped in the middle of a tile, so it goes on from what was saved.
      ({ verification, checkpoints } = begin());
      const pauseMs = Math.min(intervalMs * 2 ** troubles++, longestPauseMs);
      if (!signal.aborted) tell('trouble', `${error.message}; trying again in ${Math.ceil(pauseMs / 1000)} s`);
      await wait(pauseMs);
    }
  }
  return report(new CouldNotCheck('interrupted'));

  /** What was verified before cannot say where the server's log parts from it, so its whole log is compared with what was seen. */
  async function locate({ finding }: Tampered): Promise<Report | null> {
    if (checkpoints.length === 0 || !['root', 'tile', 'entry', 'rollback'].includes(finding.kind)) return null;
    const seen = checkpoints.map((note, n) => ({ name: `seen before (${n + 1} of ${checkpoints.length})`, note }));
    const whole = await verifyServer({ read, wait, keys: keysOf(watch, keys), pins: seen }).catch(() => null);
    return whole?.outcome === 'tampered' ? whole : null;
  }
};

const keysOf = (watch: Watch | null, keys: readonly string[]): string[] => [
  ...new Set([...keys, ...(watch?.verification.keys ?? [])]),
];

const damaged = (why: string): CouldNotCheck =>
  new CouldNotCheck(
    `the file of the watch cannot be used: ${why}; delete it to start anew, and give the checkpoints that you kept with --pin`,
  );

/** What was saved must be what was signed. */
const checkWatch = ({ verification, checkpoints }: Watch, keys: readonly string[]): void => {
  const last = parseCheckpoint(checkpoints.at(-1) ?? '');
  if (!last) throw damaged('it holds no checkpoint');
  const { tree, signedTo } = makeVerification({ keys: [], keysAreGiven: true, pins: [], saved: verification });
  if (last.size !== tree.size || !last.root.equals(tree.root()) || signedTo() !== tree.size)
    throw damaged('its tree is not that of its last checkpoint');
  if (keys.length > 0 && !keys.some((line) => verification.keys.includes(parseKey(line).line)))
    throw damaged('none of the given keys is one of its keys');
};

/** A pin that is older than what was verified is only known by what was seen. */
const comparePin = (pin: Pin, { verification, checkpoints }: Watch): void => {
  const { size } = parsePin(pin);
  if (size < verification.tree.size && !checkpoints.includes(pin.note))
    throw damaged(`the pin '${pin.name}' of size ${size} is older than what it holds, and is none of its checkpoints`);
};
