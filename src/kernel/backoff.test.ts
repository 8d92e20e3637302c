import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

const backoff = { firstMs: 500, maxMs: 30_000 };

it('doubles with each failure, up to its maximum', () => {
  expect([1, 2, 3, 6, 7, 8, 1000].map((failures) => backoffMs(backoff, failures, 1))).toEqual([
    500, 1000, 2000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

it('spreads over the upper half of the delay', () => {
  expect(backoffMs(backoff, 2, 0)).toBe(500);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, random) => {
        const delayMs = backoffMs(backoff, failures, random);
        expect(delayMs).toBeGreaterThanOrEqual(250);
        expect(delayMs).toBeLessThanOrEqual(30_000);
      },
    ),
  );
});
