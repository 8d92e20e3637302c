import fc from 'fast-check';
import { expect, it } from 'vitest';
import { databaseFaults, makePlan, processFaults } from '../../chaos/plan.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const lengths = fc.integer({ min: 10, max: 300 });

it('follows from the seed alone, and differs with it', () => {
  expect(makePlan({ seed: 7, seconds: 60 })).toEqual(makePlan({ seed: 7, seconds: 60 }));
  expect(makePlan({ seed: 7, seconds: 60 })).not.toEqual(makePlan({ seed: 8, seconds: 60 }));
  expect(makePlan({ seed: 7, seconds: 60 }).slice(0, 3)).toEqual(makePlan({ seed: 7, seconds: 120 }).slice(0, 3));
});

it('is in order of time, over at the end, and does one thing at a time to one target', () => {
  fc.assert(
    fc.property(seeds, lengths, (seed, seconds) => {
      const busyUntil = new Map<string, number>();
      let last = 0;
      for (const { atMs, forMs, target } of makePlan({ seed, seconds })) {
        expect(atMs).toBeGreaterThanOrEqual(last);
        expect(atMs).toBeGreaterThanOrEqual(busyUntil.get(target) ?? 0);
        expect(atMs + forMs).toBeLessThanOrEqual(seconds * 1000);
        busyUntil.set(target, atMs + forMs);
        last = atMs;
      }
    }),
  );
});

it('has every kind of fault in half a minute', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const kinds = new Set(makePlan({ seed, seconds: 30 }).map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual([...processFaults, ...databaseFaults].sort());
    }),
  );
});
