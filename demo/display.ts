import cliProgress from 'cli-progress';
import { escapeControls } from '../src/kernel/escape-controls.ts';

/** Where the demo says what happens: lines for everybody, bars and the live feed for a terminal only. */
export type Display = {
  say(line: string): void;
  /** A line of the live feed, above the bars. */
  feed(line: string): void;
  /** A bar; call the result with how far it has come. */
  bar(label: string, total: number): (done: number) => void;
  /** Leaves the bars as they stand. */
  stop(): void;
};

export const makeDisplay = (stdout: NodeJS.WriteStream): Display => {
  // What a service answers may hold anything, and a terminal would obey it.
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
        // Ctrl+C is the demo's to handle.
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
