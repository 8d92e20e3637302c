import type { Writable } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';
import type { Output } from './output-port.ts';

/** Log lines that wait for a reader who stands still. What comes beyond is dropped, so that it does not fill the memory. */
const maxWaitingBytes = 16 * 1024 * 1024;

type Options = {
  clock: Clock;
  /** Hears when trouble begins, once, until the stream has taken something again. */
  onTrouble?: (error: Error) => void;
  maxWaiting?: number;
};

/**
 * Takes a stream over, for good: an error that nobody hears would end the process, and a service must outlive whoever reads
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
      else noteLine(new Error(`its reader stands still, and ${stream.writableLength} bytes wait`));
    },
    trouble: () => trouble,
    lostLines: () => lost,
  };
};

/** For /readyz: what whoever operates the service should know, one sentence each. */
export const warningsOf = (stdout: Output): string[] => {
  const trouble = stdout.trouble();
  if (trouble === null) return [];
  const lost = `${stdout.lostLines()} log line${stdout.lostLines() === 1 ? ' is' : 's are'} lost`;
  return [`stdout takes nothing since ${trouble.since.toISOString()} (${trouble.error.message}): ${lost}`];
};
