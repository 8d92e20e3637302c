import cliProgress from 'cli-progress';

/** Standard error, or a substitute in tests. */
export type Terminal = NodeJS.WritableStream & { isTTY?: boolean };

/** A progress bar. It shows nothing if the stream is not a terminal. */
export type ProgressBar = { update(share: number, done: number): void; stop(): void };

const steps = 1000;

/** `unit` names what is counted: events, flags … */
export const makeProgressBar = (stream: Terminal | null, unit = 'events'): ProgressBar => {
  if (!stream?.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new cliProgress.SingleBar(
    // The command handles Ctrl+C.
    { stream, format: `{bar} {percentage} % · {done} ${unit}`, hideCursor: true, clearOnComplete: true, gracefulExit: false },
    cliProgress.Presets.shades_classic,
  );
  bar.start(steps, 0, { done: 0 });
  return { update: (share, done) => bar.update(Math.round(share * steps), { done }), stop: () => bar.stop() };
};
