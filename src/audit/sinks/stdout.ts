import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { pino } from 'pino';
import { escapeControls } from '../../kernel/escape-controls.ts';
import { toWire } from '../model/audit-event.ts';
import type { EventSink } from '../ports/event-sink.ts';

/**
 * Writes each entry as one line of JSON, made by pino, with the event's fields at the top level: CloudWatch's agent and other log
 * shippers read this format. The service's log level does not apply. An entry is done once the stream has passed it on; a slow
 * reader is waited for. `stream` is process.stdout or a substitute; its owner handles its errors, and it is never ended.
 */
export const makeStdoutSink = ({ stream, name = 'stdout' }: { stream: Writable; name?: string }): EventSink => {
  let line = '';
  const toLine = pino(
    { base: null, level: 'info', formatters: { level: (level) => ({ level }) } },
    {
      write: (text: string) => {
        // People read this in terminals, which would obey control characters in an event's text.
        line = escapeControls(text);
      },
    },
  );

  return {
    name,
    maxBatch: 500,
    deliver: async (entries, signal) => {
      let written = 0;
      try {
        let last: Promise<void> = Promise.resolve();
        for (const entry of entries) {
          signal.throwIfAborted();
          toLine.info(toWire(entry));
          last = writeLine(stream, line).then(() => {
            written += 1;
          });
          last.catch(() => {});
          if (stream.writableNeedDrain) await once(stream, 'drain', { signal });
        }
        await abortable(last, signal);
      } catch (error) {
        if (written === 0) throw error;
      }
      return written;
    },
  };
};

const writeLine = (stream: Writable, line: string): Promise<void> =>
  new Promise((resolve, reject) => {
    stream.write(line, (error) => (error ? reject(error) : resolve()));
  });

const abortable = async (work: Promise<void>, signal: AbortSignal): Promise<void> => {
  const done = new AbortController();
  const aborted = once(signal, 'abort', { signal: done.signal }).then(() => signal.throwIfAborted());
  aborted.catch(() => {});
  try {
    await Promise.race([work, aborted]);
  } finally {
    done.abort();
  }
};
