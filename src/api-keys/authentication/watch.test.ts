import { beforeEach, describe, expect, it, vi } from 'vitest';
import { makeKeyWatch } from './watch.ts';

const pollMs = 2000;

const setUp = () => {
  const revoked = new Set<string>();
  const findUnrevoked = vi.fn(async (ids: readonly string[]) => new Set(ids.filter((id) => !revoked.has(id))));
  const markUsed = vi.fn(async () => {});
  const logger = { warn: vi.fn() };
  const watch = makeKeyWatch({ keys: { findUnrevoked, markUsed }, clock: { now: () => new Date() }, logger, pollMs });
  return { revoked, findUnrevoked, markUsed, logger, ...watch };
};

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('the watch on API keys', () => {
  it('asks once for all keys, however many sockets there are, and calls back those of a revoked one', async () => {
    const { watch, revoked, findUnrevoked } = setUp();
    const [first, second, other] = [vi.fn(), vi.fn(), vi.fn()];
    watch('a', first);
    watch('a', second);
    watch('b', other);
    revoked.add('a');
    await vi.advanceTimersByTimeAsync(pollMs);
    expect(findUnrevoked.mock.calls).toEqual([[['a', 'b']]]);
    expect([first, second, other].map(({ mock }) => mock.calls.length)).toEqual([1, 1, 0]);
    await vi.advanceTimersByTimeAsync(pollMs);
    expect(findUnrevoked.mock.lastCall).toEqual([['b']]);
    expect(first).toHaveBeenCalledTimes(1);
  });

  it('asks nothing while there is nothing to watch', async () => {
    const { watch, findUnrevoked } = setUp();
    await vi.advanceTimersByTimeAsync(pollMs);
    const callOff = watch('a', () => {});
    const another = watch('a', () => {});
    callOff();
    await vi.advanceTimersByTimeAsync(pollMs);
    expect(findUnrevoked).toHaveBeenCalledTimes(1);
    another();
    await vi.advanceTimersByTimeAsync(3 * pollMs);
    expect(vi.getTimerCount()).toBe(0);
    const calls = findUnrevoked.mock.calls.length;
    watch('b', () => {});
    await vi.advanceTimersByTimeAsync(pollMs);
    expect(findUnrevoked).toHaveBeenCalledTimes(calls + 1);
  });

  it('ends nothing while the database does not answer, and goes on when it does', async () => {
    const { watch, revoked, findUnrevoked, logger } = setUp();
    const onRevoked = vi.fn();
    watch('a', onRevoked);
    revoked.add('a');
    findUnrevoked.mockRejectedValueOnce(new Error('connection refused'));
    await vi.advanceTimersByTimeAsync(pollMs);
    expect(onRevoked).not.toHaveBeenCalled();
    expect(logger.warn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(pollMs);
    expect(onRevoked).toHaveBeenCalledTimes(1);
  });

  it('notes once a minute that the keys of what is open are in use', async () => {
    const { watch, revoked, markUsed } = setUp();
    watch('a', () => {});
    watch('b', () => {});
    revoked.add('b');
    await vi.advanceTimersByTimeAsync(60_000 - 1);
    expect(markUsed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(markUsed.mock.calls).toEqual([[['a'], new Date(), 60_000]]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(markUsed).toHaveBeenCalledTimes(2);
  });

  it('leaves no timer when it is stopped', () => {
    const { watch, stop } = setUp();
    watch('a', () => {});
    stop();
    watch('b', () => {});
    expect(vi.getTimerCount()).toBe(0);
  });
});
