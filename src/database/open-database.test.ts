import { expect, it } from 'vitest';
import { fewestConnections, shareConnections } from './open-database.ts';

it('gives every use of the database a connection of its own, and all of them together what is allowed', () => {
  for (let total = fewestConnections; total <= 1000; total++) {
    const shares = Object.values(shareConnections(total));
    expect(Math.min(...shares), `of ${total}`).toBeGreaterThanOrEqual(1);
    expect(
      shares.reduce((sum, share) => sum + share, 0),
      `of ${total}`,
    ).toBe(total);
  }
});

it('shares fifteen connections so that callers have most, and neither readers nor writers those of the others', () => {
  expect(shareConnections(15)).toEqual({ reads: 4, commands: 5, worker: 1, pipeline: 3, health: 2 });
});
