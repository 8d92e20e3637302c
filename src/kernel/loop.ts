/** Runs work again and again, never twice at once: when woken, when the poll interval has passed, and while there is more. */
export type Loop = {
  start(): void;
  /** Cheap, and safe at any time: wake-ups while the work runs become one more run. */
  wake(): void;
  /** Resolves when the run under way, if any, is over; nothing runs afterwards. */
  stop(): Promise<void>;
};

type Options = {
  /** One run. True: there is more to do at once. */
  work: (signal: AbortSignal) => Promise<boolean>;
  /** The backstop for lost wake-ups. */
  pollMs: number;
  /** After a failed run: what to do about it, and how long to wait before the next (default: the poll interval). */
  onError: (error: unknown) => number | undefined;
};

export const makeLoop = ({ work, pollMs, onError }: Options): Loop => {
  const stopping = new AbortController();
  let woken = false;
  let rouse: () => void = () => {};
  let running: Promise<void> | undefined;

  const rest = (ms: number, { interruptible }: { interruptible: boolean }) =>
    new Promise<void>((resolve) => {
      if (stopping.signal.aborted || (interruptible && woken)) return resolve();
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, ms);
      rouse = () => {
        if (interruptible || stopping.signal.aborted) done();
      };
    });

  const run = async () => {
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        const more = await work(stopping.signal);
        // A timer between full runs gives the event loop air.
        if (more) await rest(0, { interruptible: false });
        else await rest(pollMs, { interruptible: true });
      } catch (error) {
        // After a failure a wake-up does not shorten the wait, or a busy service would hammer what is out of order.
        await rest(onError(error) ?? pollMs, { interruptible: false });
      }
    }
  };

  return {
    start: () => {
      running ??= run();
    },
    wake: () => {
      woken = true;
      rouse();
    },
    stop: async () => {
      stopping.abort();
      rouse();
      await running;
    },
  };
};
