import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { makeBus } from './bus.ts';
import { makeSequencer } from './sequencer.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A sequencer over an outbox that holds so many events; `batches` says how many each call took. */
const start = (waiting: number) => {
  const outbox = { waiting, broken: false };
  const batches: number[] = [];
  const bus = makeBus();
  let woken = 0;
  bus.on('log', () => woken++);
  const sequence = async (limit: number) => {
    if (outbox.broken) throw new Error('no database');
    const taken = Math.min(limit, outbox.waiting);
    outbox.waiting -= taken;
    batches.push(taken);
    return taken;
  };
  const lines: string[] = [];
  const sequencer = makeSequencer({
    sequence,
    bus,
    logger: pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }),
  });
  sequencer.start();
  return { outbox, batches, bus, sequencer, lines, woken: () => woken };
};

it('takes batch after batch without waiting for its poll, until the outbox is empty', async () => {
  const { outbox, batches, sequencer, woken } = start(2500);
  await vi.advanceTimersByTimeAsync(10);
  expect(batches).toEqual([1000, 1000, 500]);
  expect(outbox.waiting).toBe(0);
  // Followers hear of each batch.
  expect(woken()).toBe(3);
  await sequencer.stop();
});

it('looks into the outbox when woken, and within half a second when not; nobody is woken for nothing', async () => {
  const { outbox, batches, bus, sequencer, woken } = start(0);
  await vi.advanceTimersByTimeAsync(10);
  outbox.waiting = 3;
  bus.wake('outbox');
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toEqual([0, 3]);
  outbox.waiting = 2;
  await vi.advanceTimersByTimeAsync(500);
  expect(batches).toEqual([0, 3, 2]);
  expect(woken()).toBe(2);
  await sequencer.stop();
});

it('tries again after a failure, and says what happened; stopped, it does nothing more', async () => {
  const { outbox, batches, bus, sequencer, lines } = start(5);
  outbox.broken = true;
  bus.wake('outbox');
  await vi.advanceTimersByTimeAsync(600);
  outbox.broken = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(batches).toContain(5);
  expect(lines[0]).toContain('no database');
  await sequencer.stop();
  outbox.waiting = 1;
  bus.wake('outbox');
  await vi.advanceTimersByTimeAsync(5000);
  expect(outbox.waiting).toBe(1);
});
