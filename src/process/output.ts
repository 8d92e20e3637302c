import type { Writable } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import type { Output } from './output-port.ts';

/**
 * Bytes of log lines that wait for a reader who has stopped reading. Further lines are dropped, so that they do not fill the
 * memory.
 */
const maxWaitingBytes = 16 * 1024 * 1024;

type Options = {
  clock: Clock;
  /** Called when trouble begins: once, until the stream works again. */
  onTrouble?: (error: Error) => void;
  maxWaiting?: number;
};

/**
 * Takes over a stream for good. An unhandled error of the stream would end the process, but a service must outlive the reader of
 * its log. Node keeps stdout and stderr open after an error, so that each write tries again.
 */
export const openOutput = (stream: Writable, { clock, onTrouble = () => {}, maxWaiting = maxWaitingBytes }: Options): Output => {
  let trouble: { error: Error; since: Date } | null = null;
  let lost = 0;
  const note = (error: Error | null | undefined) => {
    const isNew = trouble === null;
    trouble = error ? { error, since: trouble?.since ?? clock.now() } : null;
    if (error && isNew) onTrouble(error);
  };
  const noteLine = (error: Error | null | undefined) => {
    if (error) lost += 1;
    note(error);
  };
  stream.on('error', note);

  return {
    stream,
    write: (line) => {
      if (stream.writableLength < maxWaiting) stream.write(line, noteLine);
      else noteLine(new Error(`its reader has stopped reading, and ${stream.writableLength} bytes wait`));
    },
    trouble: () => trouble,
    lostLines: () => lost,
  };
};

/** Warnings for /readyz, one sentence each. */
export const warningsOf = (stdout: Output): string[] => {
  const trouble = stdout.trouble();
  if (trouble === null) return [];
  const lost = `${stdout.lostLines()} log line${stdout.lostLines() === 1 ? ' is' : 's are'} lost`;
  return [`stdout has taken nothing since ${trouble.since.toISOString()} (${trouble.error.message}): ${lost}`];
};
