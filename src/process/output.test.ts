import { PassThrough, Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { openOutput, warningsOf } from './output.ts';

const clock = { now: () => new Date('2026-11-20T09:00:00Z') };

it('an error of the stream is trouble from then on, said once, and a warning', () => {
  const stream = new PassThrough();
  const onTrouble = vi.fn();
  const output = openOutput(stream, { clock, onTrouble });
  expect([output.trouble(), warningsOf(output)]).toEqual([null, []]);
  const error = new Error('write EPIPE');
  stream.emit('error', error);
  stream.emit('error', error);
  expect(onTrouble.mock.calls).toEqual([[error]]);
  expect(warningsOf(output)).toEqual([
    'stdout has taken nothing since 2026-11-20T09:00:00.000Z (write EPIPE): 0 log lines are lost',
  ]);
});

it('counts the lines that a stream did not take, and is out of trouble when it takes one again', async () => {
  let error: Error | null = new Error('no space left');
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
  stream.write = ((_line: string, done: (failed: Error | null) => void) => {
    done(error);
    return true;
  }) as typeof stream.write;
  const output = openOutput(stream, { clock });
  output.write('one\n');
  output.write('two\n');
  expect([output.lostLines(), output.trouble()?.error.message]).toEqual([2, 'no space left']);
  error = null;
  output.write('three\n');
  expect([output.lostLines(), output.trouble()]).toEqual([2, null]);
});

it('drops the lines that a reader who stands still leaves unread beyond the bound', () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  const output = openOutput(stream, { clock, maxWaiting: 1000 });
  for (let line = 0; line < 100; line += 1) output.write(`${'x'.repeat(99)}\n`);
  expect(stream.writableLength).toBeLessThanOrEqual(1000);
  expect(output.lostLines()).toBeGreaterThan(85);
  expect(output.trouble()?.error.message).toContain('stopped reading');
});
