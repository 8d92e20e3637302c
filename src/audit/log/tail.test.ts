import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { aLogEntry, logEntries, makeMemoryLog } from '../../../test/support/log-entries.ts';
import { sizeOf } from '../model/audit-event.ts';
import { makeBus } from './bus.ts';
import { makeTail } from './tail.ts';

type Options = { entries?: number; maxEntries?: number; maxCharacters?: number };

const setUp = ({ entries = 0, ...limits }: Options = {}) => {
  const memory = makeMemoryLog(logEntries(1, entries));
  const readAfter = vi.fn(memory.readAfter);
  const bus = makeBus();
  const logger = { error: vi.fn() };
  const tail = makeTail({ log: { size: memory.size, readAfter }, bus, logger, ...limits });
  atTestEnd(tail.stop);
  const append = (first: number, last: number) => {
    memory.append(...logEntries(first, last));
    bus.wake('log');
  };
  const positionsAfter = (position: number, limit = 1000) => tail.after(position, limit)?.map((entry) => entry.position);
  const untilHead = (position: number) => vi.waitFor(() => expect(tail.head()).toBe(position), { timeout: 10_000 });
  return { tail, bus, append, memory, readAfter, positionsAfter, untilHead, logger };
};

describe('the tail of the log', () => {
  it('begins at the end of the log when somebody joins', async () => {
    const { tail, positionsAfter, append, untilHead } = setUp({ entries: 3 });
    await tail.join();
    expect(tail.head()).toBe(3);
    expect(positionsAfter(3)).toEqual([]);
    append(4, 5);
    await untilHead(5);
    expect(positionsAfter(3)).toEqual([4, 5]);
    expect(positionsAfter(4)).toEqual([5]);
    expect(positionsAfter(3, 1)).toEqual([4]);
  });

  it('says so where it does not reach back far enough', async () => {
    const { tail, positionsAfter, append, untilHead } = setUp({ entries: 3, maxEntries: 2 });
    await tail.join();
    expect(positionsAfter(2)).toBeUndefined();
    append(4, 7);
    await untilHead(7);
    expect(positionsAfter(4)).toBeUndefined();
    expect(positionsAfter(5)).toEqual([6, 7]);
  });

  it('drops what it read before somebody was erased, so that followers read it anew', async () => {
    const { tail, bus, memory, positionsAfter, append, untilHead } = setUp();
    await tail.join();
    append(1, 4);
    await untilHead(4);
    expect(positionsAfter(0)).toEqual([1, 2, 3, 4]);
    memory.append(aLogEntry(5, { eventType: 'person.erased' }));
    bus.wake('log');
    await untilHead(5);
    expect(positionsAfter(3)).toBeUndefined();
    expect(positionsAfter(4)).toEqual([5]);
    append(6, 6);
    await untilHead(6);
    expect(positionsAfter(4)).toEqual([5, 6]);
  });

  it('holds no more text than it may, and forgets it all when the last one leaves', async () => {
    const length = sizeOf(aLogEntry(1));
    const { tail, positionsAfter, append, untilHead } = setUp({ maxCharacters: 3 * length + 10 });
    const { leave } = await tail.join();
    append(1, 8);
    await untilHead(8);
    expect(positionsAfter(5)).toEqual([6, 7, 8]);
    expect(positionsAfter(4)).toBeUndefined();
    leave();
    expect(positionsAfter(7)).toBeUndefined();
  });

  it('moves on over an entry that is larger than what it may hold', async () => {
    const { tail, positionsAfter, append, untilHead } = setUp({ maxCharacters: 10 });
    await tail.join();
    append(1, 2);
    await untilHead(2);
    expect(positionsAfter(1)).toBeUndefined();
    expect(positionsAfter(2)).toEqual([]);
  });

  it('takes a place beyond its own for one where nothing has come yet', async () => {
    const { tail, positionsAfter } = setUp({ entries: 2 });
    await tail.join();
    expect(positionsAfter(5)).toEqual([]);
  });

  it('reads a burst of many pages at once, without a poll in between', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { tail, append, positionsAfter } = setUp();
    await tail.join();
    append(1, 2300);
    await vi.advanceTimersByTimeAsync(100);
    expect(positionsAfter(0, 5000)).toEqual(Array.from({ length: 2300 }, (_, i) => i + 1));
  });

  it('calls back once, when it has moved beyond a position', async () => {
    const { tail, append, untilHead } = setUp({ entries: 1 });
    await tail.join();
    const [atOnce, next, later, calledOff] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()];
    tail.onceBeyond(0, atOnce);
    expect(atOnce).toHaveBeenCalledTimes(1);
    tail.onceBeyond(1, next);
    tail.onceBeyond(2, later);
    tail.onceBeyond(1, calledOff)();
    expect(next).not.toHaveBeenCalled();
    append(2, 2);
    await untilHead(2);
    expect([next, later, calledOff].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 0]);
    append(3, 3);
    await untilHead(3);
    expect([next, later].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  it('reads nothing while nobody has joined, and starts anew at the end for the next one', async () => {
    const { tail, append, readAfter, bus, positionsAfter } = setUp();
    append(1, 2);
    const first = await tail.join();
    await vi.waitFor(() => expect(readAfter).toHaveBeenCalled());
    first.leave();
    first.leave();
    readAfter.mockClear();
    append(3, 4);
    bus.wake('log');
    const second = await tail.join();
    expect(tail.head()).toBe(4);
    expect(positionsAfter(2)).toBeUndefined();
    second.leave();
    readAfter.mockClear();
    append(5, 5);
    await new Promise((resolve) => setImmediate(resolve));
    expect(readAfter).not.toHaveBeenCalled();
  });

  it('goes on reading as long as one of those who joined is there', async () => {
    const { tail, append, untilHead } = setUp();
    const [one, other] = [await tail.join(), await tail.join()];
    one.leave();
    one.leave();
    append(1, 1);
    await untilHead(1);
    other.leave();
  });

  it('lets nobody in while the end of the log cannot be read, and recovers', async () => {
    const { memory, bus, logger } = setUp({ entries: 2 });
    const size = vi.fn(memory.size).mockRejectedValueOnce(new Error('down'));
    const tail = makeTail({ log: { size, readAfter: memory.readAfter }, bus, logger });
    atTestEnd(tail.stop);
    await expect(tail.join()).rejects.toThrow('down');
    await tail.join();
    expect(tail.head()).toBe(2);
  });

  it('survives a failed read: it says so, and the next one brings what was missed', async () => {
    const { tail, append, untilHead, readAfter, logger } = setUp();
    await tail.join();
    readAfter.mockRejectedValueOnce(new Error('down'));
    append(1, 3);
    await untilHead(3);
    expect(logger.error).toHaveBeenCalledTimes(1);
  });
});
