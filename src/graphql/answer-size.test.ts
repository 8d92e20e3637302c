import fc from 'fast-check';
import { GraphQLError } from 'graphql';
import { expect, it } from 'vitest';
import { sizeOfAnswer } from './answer-size.ts';

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

it('refuses what takes more bytes as JSON than it may, and nothing else, and never says more than it takes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(200), (json, maxBytes) => {
      const result = { data: { json } as never };
      const size = sizeOfAnswer(result, maxBytes);
      expect(size === null).toBe(bytesOf(result) > maxBytes);
      expect(size ?? 0).toBeLessThanOrEqual(bytesOf(result));
    }),
    { numRuns: 1000 },
  );
});

it('counts an object once for each place in which the answer repeats it', () => {
  const json = { text: 'x'.repeat(1000) };
  const data = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`a${n}`, json]));
  expect(sizeOfAnswer({ data }, 100_000)).toBe(null);
  expect(sizeOfAnswer({ data }, 110_000)).toBeGreaterThan(100_000);
});

it('counts errors as they are sent', () => {
  const errors = Array.from({ length: 100 }, () => new GraphQLError('x'.repeat(1000), { path: ['a'.repeat(1000)] }));
  expect(sizeOfAnswer({ data: null, errors }, 200_000)).toBe(null);
  expect(sizeOfAnswer({ data: null, errors }, 210_000)).toBeGreaterThan(200_000);
});
