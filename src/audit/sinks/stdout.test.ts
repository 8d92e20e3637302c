import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it, vi } from 'vitest';
import { aLogEntry, logEntries } from '../../../test/support/log-entries.ts';
import { makeStdoutSink } from './stdout.ts';

const forever = new AbortController().signal;

it('writes one line of JSON for each entry, with the event’s fields at the top', async () => {
  const stream = new PassThrough();
  const entry = aLogEntry(7, { description: 'line\nbreak, “quotes” and 🦊' });
  expect(await makeStdoutSink({ stream }).deliver([entry, aLogEntry(8)], forever)).toBe(2);
  stream.end();
  const lines = (await text(stream)).split('\n');
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'info',
    time: expect.any(Number),
    position: 7,
    sealedAt: '2026-11-20T09:00:00.000Z',
    leafHash: entry.leafHash,
    ...entry.event,
  });
  expect(JSON.parse(lines[1] ?? '').position).toBe(8);
});

it('waits for a slow reader instead of filling memory', async () => {
  const pending: (() => void)[] = [];
  const stream = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void pending.push(done) });
  const delivery = makeStdoutSink({ stream }).deliver(logEntries(1, 3), forever);
  let delivered = false;
  void delivery.then(() => {
    delivered = true;
  });
  for (let line = 1; line <= 3; line += 1) {
    await vi.waitFor(() => expect(pending).toHaveLength(1));
    expect(stream.writableLength).toBeLessThan(2000);
    expect(delivered).toBe(false);
    pending.shift()?.();
  }
  expect(await delivery).toBe(3);
});

it('counts what was written before the stream broke, and throws once nothing is', async () => {
  let left = 2;
  const stream = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => done(left-- > 0 ? null : new Error('EPIPE')),
  });
  stream.on('error', () => {});
  const sink = makeStdoutSink({ stream });
  expect(await sink.deliver(logEntries(1, 5), forever)).toBe(2);
  await expect(sink.deliver(logEntries(3, 5), forever)).rejects.toThrow();
});

it('ends a delivery that is called off while the reader stands still', async () => {
  const stream = new Writable({ highWaterMark: 1, write: () => {} });
  const [calledOff, calledOffLate] = [new AbortController(), new AbortController()];
  const delivery = makeStdoutSink({ stream }).deliver(logEntries(1, 3), calledOff.signal);
  calledOff.abort();
  await expect(delivery).rejects.toThrow('aborted');

  const roomy = new Writable({ write: () => {} });
  const waiting = makeStdoutSink({ stream: roomy }).deliver(logEntries(1, 3), calledOffLate.signal);
  calledOffLate.abort();
  await expect(waiting).rejects.toThrow('aborted');
});
