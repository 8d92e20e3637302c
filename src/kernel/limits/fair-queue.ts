/** There is no room in the line: who is refused may come back. The message may be shown. */
export class OverShareError extends Error {
  override readonly name = 'OverShareError';
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

type Options = {
  /** What is queued for, in the plural, as messages name it. */
  what: string;
  /** How many go on at a time. */
  places: number;
  /** How many of one caller go on at a time, whether or not others wait: so there is always a place soon for who comes. */
  share: number;
  /** How many wait. */
  maxWaiting: number;
  maxWaitingPerCaller: number;
  /** How many bytes wait, of what is entered with its size. */
  maxWaitingBytes?: number;
  maxWaitingBytesPerCaller?: number;
  onRefused: () => void;
};
type Waiting = { start: () => void; bytes: number };
type Caller = { key: string; underWay: number; waiting: Waiting[]; waitingBytes: number };
type Leave = () => void;

/** About as long as it takes until a full line has moved. */
const retryAfterMs = 1000;

/**
 * A line in which callers take turns, however many each has waiting: what one asks for delays another by one turn, not by the
 * whole line. Each has a share of the places, and a bound on what waits; what is beyond is refused at once.
 */
export const makeFairQueue = ({
  what,
  places,
  share,
  maxWaiting,
  maxWaitingPerCaller,
  maxWaitingBytes = Number.POSITIVE_INFINITY,
  maxWaitingBytesPerCaller = Number.POSITIVE_INFINITY,
  onRefused,
}: Options) => {
  const callers = new Map<string, Caller>();
  // Those who wait, who was served last at the end.
  const line = new Set<Caller>();
  let underWay = 0;
  let waiting = 0;
  let waitingBytes = 0;

  const admit = (caller: Caller) => {
    underWay += 1;
    caller.underWay += 1;
  };
  const serveNext = () => {
    for (const caller of line) {
      if (underWay >= places) return;
      if (caller.underWay >= share) continue;
      line.delete(caller);
      const next = caller.waiting.shift();
      if (caller.waiting.length > 0) line.add(caller);
      waiting -= 1;
      waitingBytes -= next?.bytes ?? 0;
      caller.waitingBytes -= next?.bytes ?? 0;
      admit(caller);
      next?.start();
    }
  };
  const leaveOnce = (caller: Caller): Leave => {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      underWay -= 1;
      caller.underWay -= 1;
      if (caller.underWay === 0 && caller.waiting.length === 0) callers.delete(caller.key);
      serveNext();
    };
  };
  const refuse = (reason: string) => {
    onRefused();
    return new OverShareError(`${reason}, which is the most: try again in ${retryAfterMs} ms`, retryAfterMs);
  };
  const mebibytes = (bytes: number) => `${bytes / 2 ** 20} MiB`;

  /**
   * Waits for a turn; resolves with the way to give the place back. Rejects at once with an OverShareError. `sizeOf` tells how
   * many bytes wait with it, and is asked only where it waits.
   */
  const enter = async (key: string, sizeOf: () => number = () => 0): Promise<Leave> => {
    const caller = callers.get(key) ?? { key, underWay: 0, waiting: [], waitingBytes: 0 };
    if (underWay < places && caller.underWay < share && caller.waiting.length === 0) {
      callers.set(key, caller);
      admit(caller);
      return leaveOnce(caller);
    }
    if (caller.waiting.length >= maxWaitingPerCaller) throw refuse(`You have ${maxWaitingPerCaller} ${what} waiting`);
    if (waiting >= maxWaiting) throw refuse(`This process has ${maxWaiting} ${what} waiting`);
    const bytes = sizeOf();
    if (caller.waitingBytes + bytes > maxWaitingBytesPerCaller) {
      throw refuse(`With this, more than ${mebibytes(maxWaitingBytesPerCaller)} of your ${what} would wait`);
    }
    if (waitingBytes + bytes > maxWaitingBytes) {
      throw refuse(`With this, more than ${mebibytes(maxWaitingBytes)} of ${what} would wait in this process`);
    }
    callers.set(key, caller);
    waiting += 1;
    waitingBytes += bytes;
    caller.waitingBytes += bytes;
    await new Promise<void>((resolve) => {
      caller.waiting.push({ start: resolve, bytes });
      line.add(caller);
    });
    return leaveOnce(caller);
  };

  return {
    enter,
    /** Does something when it is its turn. */
    run: async <Result>(key: string, work: () => Promise<Result>, sizeOf?: () => number): Promise<Result> => {
      const leave = await enter(key, sizeOf);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    waiting: () => waiting,
    /** How many callers are remembered: those of whom something goes on or waits. */
    callers: () => callers.size,
  };
};

export type FairQueue = ReturnType<typeof makeFairQueue>;

/** One caller's share of some places: one is left for others, of many a quarter. Of a single place, its turn. */
export const shareOfPlaces = (places: number): number => Math.max(1, places - Math.max(1, Math.floor(places / 4)));
