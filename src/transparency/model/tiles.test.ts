import { describe, expect, it } from 'vitest';
import { hashesAtLevel, sliceOf, toDisclosureLine, toEntryBundle } from './tiles.ts';

it('a tree of 70,000 leaves has the tiles of the example in C2SP tlog-tiles', () => {
  const tiles = [0, 1, 2, 3].map((level) => {
    const hashes = hashesAtLevel(level, 70_000);
    return { full: Math.floor(hashes / 256), partial: hashes % 256 };
  });
  expect(tiles).toEqual([
    { full: 273, partial: 112 },
    { full: 1, partial: 17 },
    { full: 0, partial: 1 },
    { full: 0, partial: 0 },
  ]);
});

it('a tree of 256 leaves is a full tile, and one hash of the level above', () => {
  expect([0, 1].map((level) => hashesAtLevel(level, 256))).toEqual([256, 1]);
  expect(hashesAtLevel(63, Number.MAX_SAFE_INTEGER)).toBe(0);
});

describe('a full subtree', () => {
  it.each([
    [
      { level: 0, index: 255 },
      { level: 0, index: 0, first: 255, count: 1 },
    ],
    [
      { level: 0, index: 256 },
      { level: 0, index: 1, first: 0, count: 1 },
    ],
    [
      { level: 7, index: 1 },
      { level: 0, index: 0, first: 128, count: 128 },
    ],
    [
      { level: 8, index: 300 },
      { level: 1, index: 1, first: 44, count: 1 },
    ],
    [
      { level: 17, index: 0 },
      { level: 2, index: 0, first: 0, count: 2 },
    ],
    [
      { level: 0, index: 2 ** 52 + 3 },
      { level: 0, index: 2 ** 44, first: 3, count: 1 },
    ],
  ])('%j is the slice %j of one tile', (subtree, slice) => expect(sliceOf(subtree)).toEqual(slice));
});

it('an entry bundle has the length of each entry in bytes, and its bytes', () => {
  expect(toEntryBundle(['a', '', 'ü€']).toString('hex')).toBe('0001' + '61' + '0000' + '0005' + 'c3bce282ac');
  expect(toEntryBundle(['x'.repeat(65_535)])).toHaveLength(65_537);
  expect(() => toEntryBundle(['x'.repeat(65_536)])).toThrow(RangeError);
});

it("an entry's disclosures are one line of JSON, each as SD-JWT encodes it", () => {
  const line = '["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]';
  expect(toDisclosureLine(line)).toBe('["WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"]\n');
  expect(JSON.parse(toDisclosureLine(`${line}\n["a"]`))).toHaveLength(2);
  expect(toDisclosureLine('')).toBe('[]\n');
});
