import { beforeEach, describe, expect, it, vi } from 'vitest';
import { endedBy, onceAfter, onceInvalid } from './expiry.ts';

const start = new Date('2026-01-01T00:00:00Z');
const instantIn = (ms: number) => new Date(start.getTime() + ms);
const dayMs = 24 * 60 * 60 * 1000;
const clock = { now: () => new Date() };

beforeEach(() => {
  vi.useFakeTimers({ now: start });
  return () => vi.useRealTimers();
});

describe('onceAfter', () => {
  it('calls back at the instant and not before, once', async () => {
    const callback = vi.fn();
    onceAfter(instantIn(2000), clock, callback);
    await vi.advanceTimersByTimeAsync(1999);
    expect(callback).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('waits for an instant further away than a timer of Node can be set', async () => {
    const callback = vi.fn();
    onceAfter(instantIn(60 * dayMs), clock, callback);
    await vi.advanceTimersByTimeAsync(60 * dayMs - 1);
    expect(callback).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('calls back for an instant that has passed, though not at once, so that its caller has heard the answer', async () => {
    const callback = vi.fn();
    onceAfter(instantIn(-1), clock, callback);
    expect(callback).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(0);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('can be called off, and then leaves no timer', async () => {
    const callback = vi.fn();
    onceAfter(instantIn(1000), clock, callback)();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('onceInvalid', () => {
  const makeWatch = () => {
    const watched = new Map<string, () => void>();
    const watchKey = (id: string, onRevoked: () => void) => {
      watched.set(id, onRevoked);
      return () => void watched.delete(id);
    };
    return { watched, watchKey };
  };

  it('tells whether an identity expired or its key was revoked, and leaves nothing when it is called off', () => {
    const { watched, watchKey } = makeWatch();
    const reasons: string[] = [];
    const identity = { expiresAt: instantIn(1000), apiKeyId: 'key' };
    const callOff = onceInvalid(identity, { clock, watchKey }, (reason) => reasons.push(reason));
    vi.advanceTimersByTime(1000);
    watched.get('key')?.();
    expect(reasons).toEqual(['expired', 'revoked']);
    callOff();
    expect(watched.size).toBe(0);
    onceInvalid(identity, { clock, watchKey }, () => {})();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a token without an expiry never comes', () => {
    onceInvalid({ expiresAt: null, apiKeyId: null }, { clock, watchKey: () => expect.unreachable() }, () => {})();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('endedBy', () => {
  const endedAt = <Item>(items: AsyncIterable<Item>, instant: Date) => endedBy(items, (end) => onceAfter(instant, clock, end));

  const makeItems = () => {
    const returned = vi.fn();
    let settle: (item: IteratorResult<number>) => void = () => {};
    const items: AsyncIterableIterator<number> = {
      [Symbol.asyncIterator]: () => items,
      next: () => new Promise((resolve) => (settle = resolve)),
      return: async () => {
        returned();
        settle({ done: true, value: undefined });
        return { done: true, value: undefined };
      },
    };
    return { items, returned, give: (value: number) => settle({ done: false, value }) };
  };

  it('passes items on, and ends the iterable at the instant while the next one is being waited for', async () => {
    const { items, returned, give } = makeItems();
    const ended = endedAt(items, instantIn(1000));
    const first = ended.next();
    give(1);
    expect(await first).toEqual({ done: false, value: 1 });
    const second = ended.next();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await second).toEqual({ done: true, value: undefined });
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it('ends with the item that the callback was given, once', async () => {
    const { items, returned } = makeItems();
    const ended = endedBy(items, (end) => onceAfter(instantIn(1000), clock, () => end(-1)));
    const next = ended.next();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await next).toEqual({ done: false, value: -1 });
    const over = ended.next();
    await items.return?.();
    expect(await over).toEqual({ done: true, value: undefined });
    expect(returned).toHaveBeenCalled();
  });

  it('leaves no timer once it is over, by itself or by its consumer', async () => {
    const one = makeItems();
    await endedAt(one.items, instantIn(1000)).return?.();
    const other = makeItems();
    const over = endedAt(other.items, instantIn(1000)).next();
    await other.items.return?.();
    expect(await over).toMatchObject({ done: true });
    expect(vi.getTimerCount()).toBe(0);
  });
});
