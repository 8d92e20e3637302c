import { once } from 'node:events';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { logEntries, makeMemoryLog } from '../../../test/support/log-entries.ts';
import { type MemorySinkCursors, makeMemorySinkCursors } from '../../../test/support/memory-sink-cursors.ts';
import type { LogEntry } from '../model/audit-event.ts';
import type { EventSink } from '../ports/event-sink.ts';
import { makeSinkRunner, type SinkRunner } from './sink-runner.ts';

type Deliver = EventSink['deliver'];

const runners: SinkRunner[] = [];
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  const stopped = Promise.all(runners.splice(0).map((runner) => runner.stop({ deadlineMs: 0 })));
  await vi.advanceTimersByTimeAsync(5000);
  await stopped;
  vi.useRealTimers();
});

/** A sink that takes everything, unless `deliver` says otherwise; `received` holds what it was given and accepted. */
const makeSink = ({ maxBatch = 10 } = {}) => {
  const received: number[] = [];
  const accept = (entries: readonly LogEntry[]) => {
    received.push(...entries.map(({ position }) => position));
    return entries.length;
  };
  const sink = { name: 's', maxBatch, deliver: vi.fn<Deliver>(async (entries) => accept(entries)) };
  return { sink, received, accept };
};

const start = (
  sink: EventSink,
  { log = makeMemoryLog(), cursors = makeMemorySinkCursors(), holder = 'a', start = true } = {},
) => {
  const lines: { level: number; state?: string }[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const runner = makeSinkRunner({ sink, log, cursors, logger, holder, random: () => 1 });
  runners.push(runner);
  if (start) runner.start();
  return { runner, lines };
};
const settle = () => vi.advanceTimersByTimeAsync(1);
const positions = (first: number, last: number) => logEntries(first, last).map(({ position }) => position);

describe('a sink runner', () => {
  it('ships the log in order, in batches, and saves how far it came', async () => {
    const { sink, received } = makeSink();
    const cursors = makeMemorySinkCursors();
    const { runner } = start(sink, { log: makeMemoryLog(logEntries(1, 35)), cursors });
    await vi.advanceTimersByTimeAsync(10);
    expect(received).toEqual(positions(1, 35));
    expect(sink.deliver.mock.calls.map(([entries]) => entries.length)).toEqual([10, 10, 10, 5]);
    expect(await cursors.read('s')).toBe(35);
    expect(runner.status()).toEqual({
      name: 's',
      state: 'SHIPPING',
      position: 35,
      lag: 0,
      delivered: 35,
      failures: 0,
      lastError: null,
    });
  });

  it('goes on after a restart where it stopped', async () => {
    const { sink, received } = makeSink();
    const [log, cursors] = [makeMemoryLog(logEntries(1, 5)), makeMemorySinkCursors()];
    const first = start(sink, { log, cursors, holder: 'before' });
    await settle();
    await first.runner.stop();
    log.append(...logEntries(6, 8));
    start(sink, { log, cursors, holder: 'after' });
    await settle();
    expect(received).toEqual(positions(1, 8));
  });

  it('ships at once when woken, and at the next poll when not', async () => {
    const { sink, received } = makeSink();
    const log = makeMemoryLog();
    const { runner } = start(sink, { log });
    await settle();
    log.append(...logEntries(1, 1));
    runner.wake();
    await settle();
    expect(received).toEqual([1]);
    log.append(...logEntries(2, 2));
    await vi.advanceTimersByTimeAsync(998);
    expect(received).toEqual([1]);
    await vi.advanceTimersByTimeAsync(2);
    expect(received).toEqual([1, 2]);
  });

  it('reads no entries and takes no lease while there is nothing new', async () => {
    const { sink } = makeSink();
    const log = makeMemoryLog(logEntries(1, 3));
    const cursors = makeMemorySinkCursors();
    const { runner } = start(sink, { log, cursors });
    await settle();
    const [acquire, readAfter] = [vi.spyOn(cursors, 'acquire'), vi.spyOn(log, 'readAfter')];
    for (let poll = 0; poll < 5; poll += 1) {
      runner.wake();
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(acquire).not.toHaveBeenCalled();
    expect(readAfter).not.toHaveBeenCalled();
  });

  it('tries a failing sink again with growing delays, drops nothing, and says so once', async () => {
    const { sink, received, accept } = makeSink();
    const triedAtMs: number[] = [];
    const startMs = Date.now();
    let down = true;
    sink.deliver.mockImplementation(async (entries) => {
      triedAtMs.push(Date.now() - startMs);
      if (down) throw new Error('connection refused\nsecret second line');
      return accept(entries);
    });
    const cursors = makeMemorySinkCursors();
    const log = makeMemoryLog(logEntries(1, 3));
    const { runner, lines } = start(sink, { log, cursors });
    for (let second = 0; second < 16; second += 1) {
      log.append(...logEntries(4 + second, 4 + second));
      runner.wake();
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(triedAtMs).toEqual([0, 500, 1500, 3500, 7500, 15_500]);
    expect(runner.status()).toMatchObject({ state: 'FAILING', failures: 6, position: 0, lastError: 'Error: connection refused' });
    expect(lines.map(({ level, state }) => [level, state])).toEqual([[50, 'FAILING']]);

    down = false;
    await vi.advanceTimersByTimeAsync(16_000);
    expect(received).toEqual(positions(1, 19));
    expect(runner.status()).toMatchObject({ state: 'SHIPPING', lag: 0, lastError: null });
    expect(lines.map(({ level, state }) => [level, state])).toEqual([
      [50, 'FAILING'],
      [30, 'SHIPPING'],
    ]);
    expect(cursors.lastError('s')).toBeNull();
  });

  it('begins with the shortest delay again after a success', async () => {
    const { sink, received, accept } = makeSink();
    let triesToFail = 3;
    sink.deliver.mockImplementation(async (entries) => {
      triesToFail -= 1;
      if (triesToFail >= 0) throw new Error('down');
      return accept(entries);
    });
    const log = makeMemoryLog(logEntries(1, 1));
    const { runner } = start(sink, { log });
    await vi.advanceTimersByTimeAsync(500 + 1000 + 2000);
    expect(received).toEqual([1]);
    await settle();
    triesToFail = 1;
    log.append(...logEntries(2, 2));
    runner.wake();
    await vi.advanceTimersByTimeAsync(500);
    expect(received).toEqual([1, 2]);
  });

  it('saves the error of a failing sink, and outlives that this fails, too', async () => {
    const { sink } = makeSink();
    sink.deliver.mockRejectedValueOnce(new Error('first')).mockRejectedValueOnce(new Error('second'));
    const cursors = makeMemorySinkCursors();
    const { runner } = start(sink, { log: makeMemoryLog(logEntries(1, 1)), cursors });
    await settle();
    expect(cursors.lastError('s')).toBe('Error: first');
    cursors.broken.add('saveError');
    await vi.advanceTimersByTimeAsync(500);
    expect(runner.status().lastError).toBe('Error: second');
    await vi.advanceTimersByTimeAsync(1000);
    expect(runner.status()).toMatchObject({ state: 'SHIPPING', position: 1 });
  });

  it('does not ship again what was accepted when the cursor could not be saved, and saves it later', async () => {
    const { sink, received } = makeSink();
    const cursors = makeMemorySinkCursors();
    cursors.broken.add('save');
    const log = makeMemoryLog(logEntries(1, 3));
    const { runner } = start(sink, { log, cursors });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(received).toEqual([1, 2, 3]);
    expect(runner.status()).toMatchObject({ state: 'FAILING', position: 3 });
    log.append(...logEntries(4, 4));
    cursors.broken.delete('save');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(received).toEqual([1, 2, 3, 4]);
    expect(await cursors.read('s')).toBe(4);
  });

  it('survives a database that is gone for a while', async () => {
    const { sink, received } = makeSink();
    const cursors = makeMemorySinkCursors();
    for (const call of ['acquire', 'save', 'saveError', 'renew', 'release', 'read'] as const) cursors.broken.add(call);
    start(sink, { log: makeMemoryLog(logEntries(1, 3)), cursors });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(received).toEqual([]);
    cursors.broken.clear();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(received).toEqual([1, 2, 3]);
  });

  it('moves the cursor past what was done, and offers the rest again', async () => {
    const { sink, received, accept } = makeSink();
    sink.deliver.mockImplementation(async (entries) => accept(entries.slice(0, 2)));
    const cursors = makeMemorySinkCursors();
    start(sink, { log: makeMemoryLog(logEntries(1, 5)), cursors });
    await vi.advanceTimersByTimeAsync(10);
    expect(received).toEqual([1, 2, 3, 4, 5]);
    expect(await cursors.read('s')).toBe(5);
  });

  it('asks a sink that takes nothing yet once a poll, however often it is woken', async () => {
    const { sink } = makeSink();
    sink.deliver.mockResolvedValue(0);
    const { runner, lines } = start(sink, { log: makeMemoryLog(logEntries(1, 5)) });
    for (let ms = 0; ms < 3000; ms += 100) {
      runner.wake();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(sink.deliver).toHaveBeenCalledTimes(4);
    expect(runner.status()).toMatchObject({ state: 'WAITING', position: 0, lag: 5, failures: 0 });
    expect(lines).toEqual([]);
  });

  it('stops after the running delivery, and keeps what that accepted', async () => {
    const { sink, received, accept } = makeSink();
    const finish = Promise.withResolvers<void>();
    sink.deliver.mockImplementation(async (entries, signal) => {
      await finish.promise;
      signal.throwIfAborted();
      return accept(entries);
    });
    const cursors = makeMemorySinkCursors();
    const { runner } = start(sink, { log: makeMemoryLog(logEntries(1, 25)), cursors });
    await settle();
    const stopped = runner.stop({ deadlineMs: 1000 });
    await vi.advanceTimersByTimeAsync(900);
    finish.resolve();
    await stopped;
    expect(received).toEqual(positions(1, 10));
    expect(await cursors.read('s')).toBe(10);
    expect((await cursors.acquire('s', 'b', 1)).held).toBe(true);
    expect(runner.status().state).toBe('STOPPED');
  });

  it('aborts a delivery that does not end in time, and keeps the part that was accepted', async () => {
    const { sink, accept } = makeSink();
    sink.deliver.mockImplementation(async (entries, signal) => {
      await once(signal, 'abort');
      return accept(entries.slice(0, 3));
    });
    const cursors = makeMemorySinkCursors();
    const { runner } = start(sink, { log: makeMemoryLog(logEntries(1, 10)), cursors });
    await settle();
    const stopped = runner.stop({ deadlineMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    await stopped;
    expect(await cursors.read('s')).toBe(3);
  });

  it('does not take the end of the service for a failure of the sink', async () => {
    const { sink } = makeSink();
    sink.deliver.mockImplementation(async (_entries, signal) => {
      await once(signal, 'abort');
      throw signal.reason;
    });
    const cursors = makeMemorySinkCursors();
    const { runner, lines } = start(sink, { log: makeMemoryLog(logEntries(1, 3)), cursors });
    await settle();
    const stopped = runner.stop({ deadlineMs: 1000 });
    await vi.advanceTimersByTimeAsync(2000);
    await stopped;
    expect(runner.status()).toMatchObject({ state: 'STOPPED', failures: 0, lastError: null });
    expect(cursors.lastError('s')).toBeNull();
    expect(lines).toEqual([]);
  });

  it('saves at the stop how far it came, where that could not be saved before: nothing is sent again', async () => {
    const { sink, received } = makeSink();
    const [log, cursors] = [makeMemoryLog(logEntries(1, 3)), makeMemorySinkCursors()];
    cursors.broken.add('save');
    const { runner } = start(sink, { log, cursors });
    await settle();
    expect(received).toEqual([1, 2, 3]);
    cursors.broken.delete('save');
    const stopped = runner.stop();
    await vi.advanceTimersByTimeAsync(1000);
    await stopped;
    expect(await cursors.read('s')).toBe(3);
  });

  it('stops even where the sink never answers', async () => {
    const { sink } = makeSink();
    sink.deliver.mockReturnValue(new Promise(() => {}));
    const { runner } = start(sink, { log: makeMemoryLog(logEntries(1, 1)) });
    await settle();
    const stopped = runner.stop({ deadlineMs: 1000 });
    await vi.advanceTimersByTimeAsync(2000);
    await stopped;
  });

  it('can be stopped without ever having been started', async () => {
    const { sink } = makeSink();
    await start(sink, { start: false }).runner.stop();
    expect(sink.deliver).not.toHaveBeenCalled();
  });
});

describe('two sink runners of one sink', () => {
  const startBoth = (cursors: MemorySinkCursors, log: ReturnType<typeof makeMemoryLog>) => {
    const [a, b] = [makeSink(), makeSink()];
    return {
      a,
      b,
      runnerA: start(a.sink, { log, cursors, holder: 'a' }).runner,
      runnerB: start(b.sink, { log, cursors, holder: 'b' }).runner,
    };
  };

  it('ship each entry once between them, in order', async () => {
    const [cursors, log] = [makeMemorySinkCursors(), makeMemoryLog()];
    const { a, b, runnerA, runnerB } = startBoth(cursors, log);
    const received: number[] = [];
    for (const { sink, accept } of [a, b])
      sink.deliver.mockImplementation(async (entries) => {
        received.push(...entries.map(({ position }) => position));
        return accept(entries);
      });
    for (let first = 1; first < 2000; first += 20) {
      log.append(...logEntries(first, first + 19));
      runnerA.wake();
      runnerB.wake();
      await vi.advanceTimersByTimeAsync(300);
    }
    expect(received).toEqual(positions(1, 2000));
  });

  it('hand over at once when the one that ships stops', async () => {
    const [cursors, log] = [makeMemorySinkCursors(), makeMemoryLog(logEntries(1, 3))];
    const { a, b, runnerA } = startBoth(cursors, log);
    await settle();
    expect([a.received, b.received]).toEqual([[1, 2, 3], []]);
    await runnerA.stop();
    log.append(...logEntries(4, 5));
    await vi.advanceTimersByTimeAsync(1000);
    expect(b.received).toEqual([4, 5]);
  });

  it('leave a long delivery to the one that began it, as long as that lives', async () => {
    const [cursors, log] = [makeMemorySinkCursors(), makeMemoryLog(logEntries(1, 3))];
    const { a, b, runnerB } = startBoth(cursors, log);
    const finish = Promise.withResolvers<void>();
    a.sink.deliver.mockImplementation(async (entries) => {
      await finish.promise;
      return a.accept(entries);
    });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(runnerB.status()).toMatchObject({ state: 'STANDBY', lag: 3 });
    finish.resolve();
    await vi.advanceTimersByTimeAsync(1000);
    expect([a.received, b.received]).toEqual([[1, 2, 3], []]);
  });

  it('never move the cursor back: one that lost its lease is called off, and its late save is void', async () => {
    const [cursors, log] = [makeMemorySinkCursors(), makeMemoryLog(logEntries(1, 3))];
    const { a, b, runnerA } = startBoth(cursors, log);
    cursors.broken.add('renew');
    a.sink.deliver.mockImplementationOnce(async (entries, signal) => {
      await once(signal, 'abort');
      log.append(...logEntries(4, 9));
      await vi.advanceTimersByTimeAsync(10_000);
      return a.accept(entries);
    });
    const save = vi.spyOn(cursors, 'save');
    await vi.advanceTimersByTimeAsync(40_000);
    expect(b.received).toEqual(positions(1, 9));
    expect(save.mock.calls.filter(([, holder]) => holder === 'a')).not.toEqual([]);
    expect(await cursors.read('s')).toBe(9);
    expect(runnerA.status()).toMatchObject({ state: 'SHIPPING', position: 9, lag: 0 });
  });

  it('deliver no further once another has taken the lease: what is under way is called off, and the other goes on', async () => {
    const [cursors, log] = [makeMemorySinkCursors(), makeMemoryLog(logEntries(1, 30))];
    const { a, b, runnerA } = startBoth(cursors, log);
    a.sink.deliver.mockImplementation(async (entries, signal) => {
      await once(signal, 'abort');
      return a.accept(entries.slice(0, 2));
    });
    await settle();
    // As though the lease had run out while this process was paused.
    await cursors.release('s', 'a');
    await vi.advanceTimersByTimeAsync(6000);
    expect(a.received).toEqual([1, 2]);
    expect(b.received).toEqual(positions(1, 30));
    expect(runnerA.status()).toMatchObject({ state: 'STANDBY', position: 30, lag: 0 });
    expect(a.sink.deliver).toHaveBeenCalledTimes(1);
    expect(await cursors.read('s')).toBe(30);
  });

  it('take turns where one cannot reach the sink', async () => {
    const [cursors, log] = [makeMemorySinkCursors(), makeMemoryLog(logEntries(1, 3))];
    const { a, b } = startBoth(cursors, log);
    a.sink.deliver.mockRejectedValue(new Error('no route to host'));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(b.received).toEqual([1, 2, 3]);
    expect(a.sink.deliver).toHaveBeenCalledTimes(5);
  });
});
