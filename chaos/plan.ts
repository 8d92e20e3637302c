import { between, makeRandom, pick } from './random.ts';

/** The processes of a run: two of each role. */
export const processNames = ['api-1', 'api-2', 'worker-1', 'worker-2', 'audit-1', 'audit-2'] as const;
export type ProcessName = (typeof processNames)[number];

/** Faults of one process. */
export const processFaults = [
  'kill',
  'pause',
  'delay',
  'black hole',
  'reset',
  'half-open to the database',
  'half-open to the process',
] as const;
/** Faults of the database: its server is stopped in one of three ways, and started again. */
export const databaseFaults = ['stop fast', 'stop immediately', 'kill server'] as const;
export type FaultKind = (typeof processFaults)[number] | (typeof databaseFaults)[number];

export type Fault = {
  /** Milliseconds from the start of the run. */
  atMs: number;
  kind: FaultKind;
  target: ProcessName | 'database';
  /** How long the fault lasts. */
  forMs: number;
  /** For a `delay`: how long each chunk is delayed. */
  delayMs?: number;
};

const firstAtMs = 1000;
const [leastGapMs, mostGapMs] = [500, 2500];
const [leastMs, mostMs] = [300, 5000];
/** Every process needs the database, so its faults are short. */
const longestDatabaseFaultMs = 1500;
/** After a fault, the database starts and then stays up for a while, so that clients get something done. */
const restMs = 5000;

/**
 * Plans the faults. The plan follows from the seed alone. Every kind occurs once before any occurs again, a target has one
 * fault at a time, and all faults end before the run does.
 */
export const makePlan = ({ seed, seconds }: { seed: number; seconds: number }): Fault[] => {
  const random = makeRandom(seed);
  const endMs = seconds * 1000;
  const [ofProcess, ofDatabase] = [makeBag(random, processFaults), makeBag(random, databaseFaults)];
  const busyUntil = new Map<Fault['target'], number>([['database', between(random, firstAtMs, restMs)]]);
  const plan: Fault[] = [];
  for (let atMs = firstAtMs; atMs < endMs; atMs += between(random, leastGapMs, mostGapMs)) {
    const isIdle = (target: Fault['target']) => (busyUntil.get(target) ?? 0) <= atMs;
    const idle = processNames.filter(isIdle);
    const target = isIdle('database') ? 'database' : idle.length > 0 ? pick(random, idle) : null;
    if (target === null) continue;
    const kind = target === 'database' ? ofDatabase() : ofProcess();
    const forMs = Math.min(between(random, leastMs, target === 'database' ? longestDatabaseFaultMs : mostMs), endMs - atMs);
    busyUntil.set(target, atMs + forMs + (target === 'database' ? restMs : 0));
    plan.push({ atMs, kind, target, forMs, ...(kind === 'delay' && { delayMs: between(random, 20, 1500) }) });
  }
  return plan;
};

/** Draws each item once, in random order, before it draws any item again. */
const makeBag = <Item>(random: () => number, items: readonly Item[]): (() => Item) => {
  let bag: Item[] = [];
  return () => {
    if (bag.length === 0) bag = shuffle(random, [...items]);
    return bag.pop() as Item;
  };
};

const shuffle = <Item>(random: () => number, items: Item[]): Item[] => {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = between(random, 0, last);
    [items[last], items[other]] = [items[other] as Item, items[last] as Item];
  }
  return items;
};

export const describeFault = ({ atMs, kind, target, forMs, delayMs }: Fault): string => {
  const details = delayMs === undefined ? '' : ` of ${delayMs} ms`;
  return `${(atMs / 1000).toFixed(1).padStart(6)} s  ${target.padEnd(8)}  ${kind}${details}, for ${(forMs / 1000).toFixed(1)} s`;
};
