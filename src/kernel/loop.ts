/**
 * Runs work again and again, never twice at once: when woken, after each poll interval, and at once while there is more to do.
 */
export type Loop = {
  start(): void;
  /** Cheap, and safe to call at any time: wake-ups during a run lead to one more run. */
  wake(): void;
  /** Resolves when the current run, if any, has ended; no run starts afterwards. */
  stop(): Promise<void>;
};

type Options = {
  /** One run. Resolves to true if there is more to do at once. */
  work: (signal: AbortSignal) => Promise<boolean>;
  /** Runs the work even if wake-ups were lost. */
  pollMs: number;
  /** Handles a failed run. Returns how many milliseconds to wait before the next one; by default the poll interval. */
  onError: (error: unknown) => number | undefined;
};

export const makeLoop = ({ work, pollMs, onError }: Options): Loop => {
  const stopping = new AbortController();
  let woken = false;
  let endRest: () => void = () => {};
  let running: Promise<void> | undefined;

  const rest = (ms: number, { interruptible }: { interruptible: boolean }) =>
    new Promise<void>((resolve) => {
      if (stopping.signal.aborted || (interruptible && woken)) return resolve();
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, ms);
      endRest = () => {
        if (interruptible || stopping.signal.aborted) done();
      };
    });

  const run = async () => {
    while (!stopping.signal.aborted) {
      woken = false;
      try {
        const more = await work(stopping.signal);
        // A timer between full runs lets the event loop do other work.
        if (more) await rest(0, { interruptible: false });
        else await rest(pollMs, { interruptible: true });
      } catch (error) {
        // After a failure, wake-ups do not shorten the wait; otherwise a busy service would hammer whatever is broken.
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
      endRest();
    },
    stop: async () => {
      stopping.abort();
      endRest();
      await running;
    },
  };
};
