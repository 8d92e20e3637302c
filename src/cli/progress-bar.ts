import cliProgress from 'cli-progress';

/** Standard error, or a stand-in. */
export type Terminal = NodeJS.WritableStream & { isTTY?: boolean };

/** A progress bar for a terminal; nothing at all elsewhere. */
export type ProgressBar = { update(share: number, done: number): void; stop(): void };

const steps = 1000;

/** `unit` is what is counted: events, flags … */
export const makeProgressBar = (stream: Terminal | null, unit = 'events'): ProgressBar => {
  if (!stream?.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new cliProgress.SingleBar(
    // Ctrl+C is the command's to handle.
    { stream, format: `{bar} {percentage} % · {done} ${unit}`, hideCursor: true, clearOnComplete: true, gracefulExit: false },
    cliProgress.Presets.shades_classic,
  );
  bar.start(steps, 0, { done: 0 });
  return { update: (share, done) => bar.update(Math.round(share * steps), { done }), stop: () => bar.stop() };
};
