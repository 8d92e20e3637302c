import { expect, it } from 'vitest';
import { makeTokenBuckets } from './token-buckets.ts';

const setUp = ({ perSecond = 10, burst = 100, maxKeys = 10 } = {}) => {
  let nowMs = 0;
  const buckets = makeTokenBuckets({ perSecond, burst, maxKeys, nowMs: () => nowMs });
  return {
    ...buckets,
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
};

it('a full bucket gives its burst, then what it gains, and says exactly when there is enough', () => {
  const { take, advance } = setUp();
  expect(take('ann', 100)).toBe(0);
  expect(take('ann', 1)).toBe(100);
  advance(99);
  expect(take('ann', 1)).toBe(1);
  advance(1);
  expect(take('ann', 1)).toBe(0);
  expect(take('ann', 5)).toBe(500);
});

it("a refused request uses up none of its caller's share", () => {
  const { take } = setUp();
  take('ann', 98);
  for (let n = 0; n < 50; n++) expect(take('ann', 10)).toBe(800);
  expect(take('ann', 2)).toBe(0);
});

it('a bucket never holds more than its burst', () => {
  const { take, advance } = setUp();
  take('ann', 100);
  advance(3_600_000);
  expect(take('ann', 100)).toBe(0);
  expect(take('ann', 1)).toBe(100);
});

it('one who empties a bucket empties nobody else’s', () => {
  const { take } = setUp();
  take('ann', 100);
  expect(take('bob', 100)).toBe(0);
});

it('a request larger than the burst is taken when the bucket is full', () => {
  const { take, advance } = setUp();
  expect(take('ann', 150)).toBe(0);
  expect(take('ann', 150)).toBe(10_000);
  advance(10_000);
  expect(take('ann', 150)).toBe(0);
});

it('a clock that is set back gives nothing and takes nothing', () => {
  const { take, advance } = setUp();
  take('ann', 100);
  advance(-10_000);
  expect(take('ann', 1)).toBe(100);
});

it('a clock that was an hour ahead for a moment empties no bucket', () => {
  const { take, advance } = setUp();
  advance(3_600_000);
  take('ann', 1);
  advance(-3_600_000);
  expect(take('ann', 99)).toBe(0);
  expect(take('ann', 1)).toBe(100);
});

it('keeps as many buckets as it may, those that were used last', () => {
  const { take, size } = setUp({ maxKeys: 2 });
  for (const key of ['ann', 'bob', 'ann', 'eve']) take(key, 100);
  expect(size()).toBe(2);
  expect(take('bob', 1)).toBe(0);
  expect(take('eve', 1)).toBe(100);
});
