import { describe, expect, it } from 'vitest';
import { makeThrottle } from './throttle.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number) => new Date(start + seconds * 1000);

const setUp = (options: { atOnce?: number; maxKeys?: number } = {}) => {
  let seconds = 0;
  const reported: string[] = [];
  const throttle = makeThrottle<string>({
    now: () => at(seconds),
    atOnce: 2,
    windowMs: 60_000,
    maxKeys: 100,
    report: (item) => void reported.push(item),
    reportMore: (latest, { count, since, until }) =>
      void reported.push(
        `${count} more like ${latest} from ${(since.getTime() - start) / 1000} to ${(until.getTime() - start) / 1000}`,
      ),
    ...options,
  });
  const noteAt = (second: number, key: string, item: string) => {
    seconds = second;
    throttle.note(key, item);
  };
  const sweepAt = (second: number) => {
    seconds = second;
    throttle.sweep();
  };
  return { ...throttle, noteAt, sweepAt, reported };
};

describe('a throttle', () => {
  it('tells the first few of a minute at once, and when it is over how many more there were', () => {
    const { noteAt, sweepAt, reported } = setUp();
    for (let n = 0; n < 1000; n++) noteAt(n / 100, 'ann', `ann ${n}`);
    sweepAt(59);
    expect(reported).toEqual(['ann 0', 'ann 1']);
    sweepAt(60);
    expect(reported).toEqual(['ann 0', 'ann 1', '998 more like ann 999 from 0.02 to 9.99']);
    sweepAt(600);
    expect(reported).toHaveLength(3);
  });

  it('has a window for each key', () => {
    const { noteAt, reported } = setUp({ atOnce: 1 });
    noteAt(0, 'ann', 'ann 1');
    noteAt(1, 'bob', 'bob 1');
    noteAt(2, 'ann', 'ann 2');
    expect(reported).toEqual(['ann 1', 'bob 1']);
  });

  it('begins anew after a window, also where nobody has swept', () => {
    const { noteAt, reported } = setUp({ atOnce: 1 });
    for (const second of [0, 1, 60, 61]) noteAt(second, 'ann', `at ${second}`);
    expect(reported).toEqual(['at 0', '1 more like at 1 from 1 to 1', 'at 60']);
  });

  it('tells everything that is left at the end', () => {
    const { noteAt, flush, reported } = setUp({ atOnce: 1 });
    for (const key of ['ann', 'bob', 'ann', 'bob']) noteAt(0, key, key);
    flush();
    flush();
    expect(reported).toEqual(['ann', 'bob', '1 more like ann from 0 to 0', '1 more like bob from 0 to 0']);
  });

  it('keeps no more keys than it may: the oldest window ends early, and loses no count', () => {
    const { noteAt, reported } = setUp({ atOnce: 1, maxKeys: 2 });
    for (const key of ['ann', 'ann', 'bob', 'eve']) noteAt(0, key, key);
    expect(reported).toEqual(['ann', 'bob', '1 more like ann from 0 to 0', 'eve']);
  });

  it('is not held by a clock that was set back', () => {
    const { noteAt, reported } = setUp({ atOnce: 1 });
    noteAt(3600, 'ann', 'before');
    noteAt(0, 'ann', 'after');
    expect(reported).toEqual(['before', 'after']);
  });
});
