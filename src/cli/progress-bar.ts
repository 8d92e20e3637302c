import cliProgress from 'cli-progress';

/** Standard error, or a stand-in. */
export type Terminal = NodeJS.WritableStream & { isTTY?: boolean };

/** A progress bar for a terminal; nothing at all elsewhere. */
export type ProgressBar = { update(share: number, events: number): void; stop(): void };

const steps = 1000;

export const makeProgressBar = (stream: Terminal | null): ProgressBar => {
  if (!stream?.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new cliProgress.SingleBar(
    // Ctrl+C is the command's to handle.
    { stream, format: '{bar} {percentage} % · {events} events', hideCursor: true, clearOnComplete: true, gracefulExit: false },
    cliProgress.Presets.shades_classic,
  );
  bar.start(steps, 0, { events: 0 });
  return { update: (share, events) => bar.update(Math.round(share * steps), { events }), stop: () => bar.stop() };
};
