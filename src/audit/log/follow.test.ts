import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { aLogEntry, logEntries } from '../../../test/support/log-entries.ts';
import { DatabaseUnavailableError } from '../../kernel/database-unavailable.ts';
import { OverShareError } from '../../kernel/limits/fair-queue.ts';
import { type LogEntry, sizeOf } from '../model/audit-event.ts';
import { matchesFilter } from '../model/audit-filter.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import { makeBus } from './bus.ts';
import { makeFollow } from './follow.ts';
import { makeTail } from './tail.ts';

const setUp = ({ entries = 0, maxEntries = 4096, takeTurn = async () => {} } = {}) => {
  const all: LogEntry[] = logEntries(1, entries);
  const list = vi.fn<AuditLog['list']>(async (filter, { after = 0, before = Number.POSITIVE_INFINITY, limit, maxBytes = 0 }) => {
    const found = all.filter(({ position, event }) => position > after && position < before && matchesFilter(event, filter));
    let bytes = 0;
    return found.slice(0, limit).filter((entry) => {
      const fits = bytes < maxBytes;
      bytes += sizeOf(entry);
      return fits;
    });
  });
  const size = vi.fn(async () => all.length);
  const readAfter = vi.fn<AuditLog['readAfter']>(async (after, limit) => all.slice(after, after + limit));
  const log = { size, list, readAfter };
  const bus = makeBus();
  const tail = makeTail({ log, bus, logger: { error: vi.fn() }, maxEntries });
  atTestEnd(tail.stop);
  return {
    follow: makeFollow({ log, tail, toUnavailable, takeTurn, pauseMs: 1 }),
    tail,
    list,
    size,
    readAfter,
    append: (...more: LogEntry[]) => {
      all.push(...more);
      bus.wake('log');
    },
  };
};

const gone = new Error('gone');
const toUnavailable = (error: unknown) => (error === gone ? new DatabaseUnavailableError('gone', error) : null);

const positionsOf = async (entries: AsyncIterable<LogEntry>, count: number): Promise<number[]> => {
  const positions: number[] = [];
  for await (const { position } of entries) {
    positions.push(position);
    if (positions.length === count) break;
  }
  return positions;
};
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('following the log', () => {
  it('replays large entries a few at a time, and misses none', async () => {
    const { follow, append, list } = setUp({ maxEntries: 1 });
    const keeper = await follow({ filter: {} });
    append(...Array.from({ length: 30 }, (_, index) => aLogEntry(index + 1, { description: 'x'.repeat(100_000) })));
    await positionsOf(keeper, 30);
    list.mockClear();
    expect(await positionsOf(await follow({ filter: {}, after: 0 }), 30)).toEqual(range(1, 30));
    const pages = await Promise.all(list.mock.results.map(({ value }) => value as Promise<LogEntry[]>));
    expect(Math.max(...pages.map(({ length }) => length))).toBe(3);
  });

  it('has a replay wait for its turn with each event, and what happens once it has caught up for none', async () => {
    const takeTurn = vi.fn(async () => {});
    const { follow, append } = setUp({ entries: 3, takeTurn });
    const entries = await follow({ filter: {}, after: 0 });
    const take = async () => (await entries.next()).value?.position;
    expect([await take(), await take(), await take()]).toEqual([1, 2, 3]);
    expect(takeTurn).toHaveBeenCalledTimes(3);
    append(...logEntries(4, 4));
    expect(await take()).toBe(4);
    takeTurn.mockClear();
    append(...logEntries(5, 24));
    for (let position = 5; position <= 24; position++) expect(await take()).toBe(position);
    expect(takeTurn).not.toHaveBeenCalled();
  });

  it('reads smaller pages the more followers have something to catch up on, and misses none', async () => {
    const { follow, append, list } = setUp({ maxEntries: 1 });
    const keeper = await follow({ filter: {} });
    append(...Array.from({ length: 8 }, (_, index) => aLogEntry(index + 1, { description: 'x'.repeat(50_000) })));
    await positionsOf(keeper, 8);
    const followers = await Promise.all(Array.from({ length: 500 }, () => follow({ filter: {}, after: 0 })));
    await Promise.all(followers.map((entries) => entries.next()));
    const pages = await Promise.all(list.mock.results.map(({ value }) => value as Promise<LogEntry[]>));
    expect([pages.at(-500)?.length, pages.at(-1)?.length]).toEqual([6, 2]);
    expect(await Promise.all(followers.map((entries) => positionsOf(entries, 7)))).toEqual(followers.map(() => range(2, 8)));
  });

  it('waits with a replay for which there is no room, and goes on when there is', async () => {
    const { follow, list } = setUp({ entries: 3 });
    list.mockRejectedValueOnce(new OverShareError('too many reads wait', 1000));
    expect(await positionsOf(await follow({ filter: {}, after: 0 }), 3)).toEqual([1, 2, 3]);
    expect(list).toHaveBeenCalledTimes(2);
  });

  it('begins now: what is there already does not come, what comes next does', async () => {
    const { follow, append } = setUp({ entries: 3 });
    const entries = await follow({ filter: {} });
    append(...logEntries(4, 5));
    expect(await positionsOf(entries, 2)).toEqual([4, 5]);
  });

  it('begins now also where the tail has not read up to now', async () => {
    const { follow, append, readAfter } = setUp({ entries: 1 });
    await follow({ filter: {} });
    const read = Promise.withResolvers<LogEntry[]>();
    readAfter.mockReturnValueOnce(read.promise);
    append(...logEntries(2, 3));
    const late = await follow({ filter: {} });
    read.resolve([]);
    append(aLogEntry(4));
    expect(await positionsOf(late, 1)).toEqual([4]);
  });

  it('replays what was missed, page by page, and goes on live', async () => {
    const { follow, append } = setUp({ entries: 950 });
    const entries = await follow({ filter: {}, after: 10 });
    const positions = positionsOf(entries, 945);
    append(...logEntries(951, 955));
    expect(await positions).toEqual(range(11, 955));
  });

  it('gives what matches alone, live as well as missed, and moves past the rest', async () => {
    const { follow, append, list } = setUp({ entries: 500 });
    append(aLogEntry(501, { flagKey: 'other' }));
    const entries = await follow({ filter: { flagKey: 'other' }, after: 0 });
    const positions = positionsOf(entries, 2);
    append(aLogEntry(502), aLogEntry(503, { flagKey: 'other' }));
    expect(await positions).toEqual([501, 503]);
    expect(list.mock.calls.length).toBeLessThan(4);
  });

  it('comes back from behind the ring through the database, without gap or duplicate', async () => {
    const { follow, append, list } = setUp({ maxEntries: 5 });
    const entries = await follow({ filter: {} });
    append(...logEntries(1, 3));
    const seen = await Promise.all([entries.next(), entries.next()]);
    append(...logEntries(4, 700));
    const rest: number[] = [];
    while (rest.length < 698) rest.push((await entries.next()).value?.position ?? 0);
    expect([...seen.map(({ value }) => value?.position), ...rest]).toEqual(range(1, 700));
    expect(list).toHaveBeenCalled();
  });

  it('gives every entry after the cursor once and in order, whatever the ring, the pace and the bursts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 12 })), { maxLength: 8 }),
        async (entries, maxEntries, steps) => {
          const { follow, append, tail } = setUp({ entries, maxEntries });
          const after = Math.floor(entries / 2);
          const followed = await follow({ filter: {}, after });
          let size = entries;
          const seen: number[] = [];
          for (const [added, read] of steps) {
            append(...logEntries(size + 1, size + added));
            size += added;
            for (let i = 0; i < read && after + seen.length < size; i++) seen.push((await followed.next()).value?.position ?? 0);
          }
          while (after + seen.length < size) seen.push((await followed.next()).value?.position ?? 0);
          await followed.return?.();
          await tail.stop();
          expect(seen).toEqual(range(after + 1, size));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('holds a slow consumer’s place and at most a page, and does not wait for it', async () => {
    const { follow, append, tail, list } = setUp({ maxEntries: 10 });
    const slow = await follow({ filter: {} });
    const quick = await follow({ filter: {} });
    append(aLogEntry(1));
    await slow.next();
    append(...logEntries(2, 3000));
    expect(await positionsOf(quick, 3000)).toEqual(range(1, 3000));
    expect(tail.head()).toBe(3000);
    list.mockClear();
    await slow.next();
    await slow.next();
    expect(list.mock.calls.length).toBeLessThanOrEqual(1);
    for (const [, slice] of list.mock.calls) expect(slice.limit).toBeLessThanOrEqual(200);
  });

  it('ends at once when it is returned while it waits, and nobody reads for it any more', async () => {
    const { follow, append, readAfter } = setUp();
    const entries = await follow({ filter: {} });
    const waiting = entries.next();
    await entries.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await entries.next()).toEqual({ done: true, value: undefined });
    await new Promise((resolve) => setImmediate(resolve));
    readAfter.mockClear();
    append(aLogEntry(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(readAfter).not.toHaveBeenCalled();
  });

  it('gives nothing more once it is returned, also of what it is just reading: its caller may have lost the right to it', async () => {
    const { follow, list } = setUp({ entries: 5 });
    const read = Promise.withResolvers<LogEntry[]>();
    list.mockReturnValueOnce(read.promise);
    const entries = await follow({ filter: {}, after: 0 });
    const waiting = entries.next();
    await vi.waitFor(() => expect(list).toHaveBeenCalled());
    const returned = entries.return?.();
    read.resolve(logEntries(1, 5));
    expect(await waiting).toEqual({ done: true, value: undefined });
    await returned;
  });

  it('ends when the tail stops, so that a shutdown need not wait for it', async () => {
    const { follow, tail } = setUp();
    const entries = await follow({ filter: {} });
    const waiting = entries.next();
    await tail.stop();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('goes on where it was, without gap or duplicate, when the database was gone for a while', async () => {
    const { follow, list } = setUp({ entries: 300 });
    list.mockRejectedValueOnce(gone).mockRejectedValueOnce(gone);
    expect(await positionsOf(await follow({ filter: {}, after: 0 }), 300)).toEqual(range(1, 300));
  });

  it('ends while it waits for a database that is gone', async () => {
    const { follow, list, tail } = setUp({ entries: 5 });
    list.mockRejectedValue(gone);
    const waiting = (await follow({ filter: {}, after: 0 })).next();
    await tail.stop();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('leaves the tail where the log cannot be read: at the start, and in mid-stream', async () => {
    const { follow, list, size, readAfter, append, tail } = setUp({ entries: 5 });
    size.mockResolvedValueOnce(5).mockRejectedValueOnce(new Error('down'));
    await expect(follow({ filter: {} })).rejects.toThrow('down');
    list.mockRejectedValueOnce(new Error('down'));
    await expect((await follow({ filter: {}, after: 0 })).next()).rejects.toThrow('down');
    await new Promise((resolve) => setImmediate(resolve));
    readAfter.mockClear();
    append(aLogEntry(6));
    await new Promise((resolve) => setImmediate(resolve));
    expect(readAfter).not.toHaveBeenCalled();
    expect(tail.head()).toBe(5);
  });
});
