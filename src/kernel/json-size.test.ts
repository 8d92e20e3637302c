import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesOf } from './json-size.ts';

it('is what JSON.stringify makes of any JSON, in bytes of UTF-8', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(bytesOf(value)).toBe(Buffer.byteLength(JSON.stringify(value)));
    }),
    { examples: [[{ 'é"': ['🦊\ud800\u0001', [], {}, -0, 1e21, null, false] }]] },
  );
});

it('is counted no further than asked, also in one list that is there a billion times', () => {
  const once = Array.from({ length: 1000 }, () => 'x');
  const rows = Array.from({ length: 1000 }, () => once);
  const often = Array.from({ length: 1000 }, () => rows);
  expect(bytesOf(often, 10_000)).toBeGreaterThan(10_000);
});

it('is counted however deep the value is nested', () => {
  expect(bytesOf(JSON.parse('['.repeat(500_000) + ']'.repeat(500_000)))).toBe(1_000_000);
});
