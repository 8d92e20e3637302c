type Options = {
  /** What receives the signals; by default this process. */
  process?: Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;
  /** A monotonic clock, in milliseconds. */
  nowMs?: () => number;
};

/** npm passes on a signal that the terminal has also sent, so a second one within this time is the same request. */
const repeatedSignalMs = 1000;
/** The exit code that a shell reports for a process that Ctrl+C ended. */
export const interruptedExitCode = 130;

/**
 * Calls back once, when this process is asked to stop (SIGINT or SIGTERM). A second request, more than a second later, ends the
 * process at once. Returns the function that stops listening and restores the signals' usual effect.
 */
export const onStopSignal = (
  onFirst: (signal: NodeJS.Signals) => void,
  { process: target = process, nowMs = () => performance.now() }: Options = {},
): (() => void) => {
  let firstAtMs: number | null = null;
  const hear = (signal: NodeJS.Signals) => {
    if (firstAtMs === null) {
      firstAtMs = nowMs();
      onFirst(signal);
    } else if (nowMs() - firstAtMs > repeatedSignalMs) target.exit(interruptedExitCode);
  };
  target.on('SIGINT', hear).on('SIGTERM', hear);
  return () => void target.off('SIGINT', hear).off('SIGTERM', hear);
};

/** Aborts when this process is asked to stop. */
export const stopSignal = (): AbortSignal => {
  const stopping = new AbortController();
  onStopSignal(() => stopping.abort());
  return stopping.signal;
};
