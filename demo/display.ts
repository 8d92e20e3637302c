import cliProgress from 'cli-progress';
import { escapeControls } from '../src/kernel/escape-controls.ts';

/** Shows what the demo does: lines everywhere, bars and the live feed only on a terminal. */
export type Display = {
  say(line: string): void;
  /** A line of the live feed, above the bars. */
  feed(line: string): void;
  /** Starts a bar. Call the returned function with the progress. */
  bar(label: string, total: number): (done: number) => void;
  /** Stops the bars and leaves them on the screen. */
  stop(): void;
};

export const makeDisplay = (stdout: NodeJS.WriteStream): Display => {
  // A service's answers can hold control characters, which must not reach the terminal.
  const say = (line: string) => void stdout.write(`${escapeControls(line)}\n`);
  if (!stdout.isTTY) return { say, feed: () => {}, bar: () => () => {}, stop: () => {} };

  let bars: cliProgress.MultiBar | null = null;
  const open = () =>
    (bars ??= new cliProgress.MultiBar(
      {
        stream: stdout,
        format: '{label} {bar} {value}/{total}',
        hideCursor: true,
        clearOnComplete: false,
        // The demo handles Ctrl+C.
        gracefulExit: false,
      },
      cliProgress.Presets.shades_classic,
    ));
  const stop = () => {
    bars?.update();
    bars?.stop();
    bars = null;
  };
  return {
    say: (line) => {
      stop();
      say(line);
    },
    feed: (line) => open().log(`${escapeControls(line).slice(0, stdout.columns || 80)}\n`),
    bar: (label, total) => {
      const bar = open().create(total, 0, { label: label.padEnd(10) });
      return (done) => bar.update(done);
    },
    stop,
  };
};
