type Options = {
  /** What the signals come to; this process where absent. */
  process?: Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;
  /** A clock that nobody sets. */
  nowMs?: () => number;
};

/** npm passes on what the terminal has sent already: a second signal within this time is the same wish. */
const sameWishMs = 1000;
/** What a shell reports for a process that Ctrl+C ended. */
export const interruptedExitCode = 130;

/**
 * Calls back once, when somebody asks this process to stop (SIGINT, SIGTERM). Whoever asks again a second later does not want to
 * wait: then the process ends at once. Returns the way to stop listening, which gives the signals their usual effect back.
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
    } else if (nowMs() - firstAtMs > sameWishMs) target.exit(interruptedExitCode);
  };
  target.on('SIGINT', hear).on('SIGTERM', hear);
  return () => void target.off('SIGINT', hear).off('SIGTERM', hear);
};

/** Aborted when somebody asks this process to stop. */
export const stopSignal = (): AbortSignal => {
  const stopping = new AbortController();
  onStopSignal(() => stopping.abort());
  return stopping.signal;
};
