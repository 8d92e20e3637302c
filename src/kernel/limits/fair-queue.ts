/** The queue has no room for this caller, who can try again after `retryAfterMs`. The message can be shown to clients. */
export class OverShareError extends Error {
  override readonly name = 'OverShareError';
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

type Options = {
  /** What waits in the queue, in the plural, as messages name it. */
  what: string;
  /** How many run at a time. */
  places: number;
  /** How many of one caller run at a time, even if nobody else waits, so that a newcomer soon finds a place. */
  share: number;
  /** How many wait at a time. */
  maxWaiting: number;
  maxWaitingPerCaller: number;
  /** How many bytes wait at a time, as `sizeOf` measures them. */
  maxWaitingBytes?: number;
  maxWaitingBytesPerCaller?: number;
  onRefused: () => void;
};
type Waiting = { start: () => void; bytes: number };
type Caller = { key: string; underWay: number; waiting: Waiting[]; waitingBytes: number };
type Leave = () => void;

/** About as long as a full queue needs to move on. */
const retryAfterMs = 1000;

/**
 * A queue in which callers take turns, however much each has waiting: one caller's work delays another by one turn, not by the
 * whole queue. Each caller has a share of the places and a limit on what waits; anything beyond is refused at once.
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
  // Callers with waiting work. The one served last is at the end.
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
    return new OverShareError(`${reason}, which is the maximum: try again in ${retryAfterMs} ms`, retryAfterMs);
  };
  const mebibytes = (bytes: number) => `${bytes / 2 ** 20} MiB`;

  /**
   * Waits for a turn, and resolves to the function that gives the place back. Throws an OverShareError at once if there is no
   * room. `sizeOf` returns how many bytes wait, and is called only if the work has to wait.
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
    /** Runs `work` when its turn comes. */
    run: async <Result>(key: string, work: () => Promise<Result>, sizeOf?: () => number): Promise<Result> => {
      const leave = await enter(key, sizeOf);
      try {
        return await work();
      } finally {
        leave();
      }
    },
    waiting: () => waiting,
    /** How many callers the queue remembers: those with work that runs or waits. */
    callers: () => callers.size,
  };
};

export type FairQueue = ReturnType<typeof makeFairQueue>;

/**
 * How many places one caller can have at a time: it leaves one for others, or a quarter if there are many. A single place is
 * shared by turns.
 */
export const shareOfPlaces = (places: number): number => Math.max(1, places - Math.max(1, Math.floor(places / 4)));
