/**
 * Waits, but not beyond the signal, and leaves no listener behind. By the global timer, unlike `node:timers/promises`, so that tests
 * can move it.
 */
export const rest = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
