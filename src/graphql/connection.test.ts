import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Slice } from '../kernel/paging.ts';
import { type ConnectionArgs, decodeCursor, encodeCursor, resolvePage } from './connection.ts';

/** A list of the numbers from 1 to `size`, as a store gives it. */
const makeList =
  (size: number) =>
  async ({ after = 0, before = size + 1, limit, inverted }: Slice<number>) => {
    const within = Array.from({ length: size }, (_, i) => i + 1).filter((n) => n > after && n < before);
    return (inverted ? within.reverse() : within).slice(0, limit);
  };
const pageOf = (size: number, args: ConnectionArgs, newestFirst = false) =>
  resolvePage<number, number>({
    args,
    cursorOf: String,
    parse: Number,
    list: makeList(size),
    count: async () => size,
    newestFirst,
  });
const nodesOf = async (size: number, args: ConnectionArgs, newestFirst = false) =>
  (await pageOf(size, args, newestFirst)).edges.map(({ node }) => node);

describe('a page', () => {
  it.each([
    ['the first two', { first: 2 }, false, [1, 2]],
    ['two after 2', { first: 2, after: '2' }, false, [3, 4]],
    ['the last two, in the order of the list', { last: 2 }, false, [4, 5]],
    ['two before 4', { last: 2, before: '4' }, false, [2, 3]],
    ['between 1 and 5, from the start', { first: 2, after: '1', before: '5' }, false, [2, 3]],
    ['between 1 and 5, from the end', { last: 2, after: '1', before: '5' }, false, [3, 4]],
    ['the first two, newest first', { first: 2 }, true, [5, 4]],
    ['two after 4, newest first', { first: 2, after: '4' }, true, [3, 2]],
    ['the last two, newest first', { last: 2 }, true, [2, 1]],
    ['two before 2, newest first', { last: 2, before: '2' }, true, [4, 3]],
  ])('%s', async (_what, args, newestFirst, expected) => {
    expect(await nodesOf(5, args, newestFirst)).toEqual(expected);
  });

  it('has 50 items where no size is given, and up to 200', async () => {
    expect(await nodesOf(300, {})).toHaveLength(50);
    expect(await nodesOf(300, { first: 200 })).toHaveLength(200);
    expect(await nodesOf(300, { last: 1 })).toEqual([300]);
  });

  it.each<ConnectionArgs>([
    { first: 0 },
    { first: -1 },
    { first: 201 },
    { last: 0 },
    { last: -1 },
    { last: 201 },
    { first: 1, last: 1 },
  ])('is refused, and not cut, with %j', async (args) => {
    await expect(pageOf(5, args)).rejects.toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });

  it('after page gives every item once, whatever the size, the direction and the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.boolean(),
        async (size, count, newestFirst, backward) => {
          const seen: number[] = [];
          let cursor: string | null | undefined;
          for (;;) {
            const args = backward ? { last: count, before: cursor } : { first: count, after: cursor };
            const { edges, pageInfo } = await pageOf(size, args, newestFirst);
            const nodes = edges.map(({ node }) => node);
            if (backward) seen.unshift(...nodes);
            else seen.push(...nodes);
            cursor = backward ? pageInfo.startCursor : pageInfo.endCursor;
            if (!(backward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage)) break;
          }
          const all = await nodesOf(size, { first: 200 }, newestFirst);
          expect(seen).toEqual(all);
        },
      ),
    );
  });
});

describe('a cursor', () => {
  it('gives its place back, in its own list alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (place) => {
        fc.pre(!place.includes('\0'));
        expect(decodeCursor('a', encodeCursor('a', place))).toBe(place);
        expect(() => decodeCursor('b', encodeCursor('a', place))).toThrow('is not a cursor of this list');
      }),
    );
  });

  it('is nothing but what was given out: no other text passes for one', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeCursor('a', text)).toThrow('is not a cursor of this list');
      }),
    );
    const cursor = encodeCursor('a', 'place');
    for (const other of [`${cursor}=`, ` ${cursor}`, `${cursor}\n`, `${cursor}A`, cursor.slice(0, -1)]) {
      if (other !== cursor) expect(() => decodeCursor('a', other), other).toThrow('is not a cursor of this list');
    }
  });

  it('is refused where it holds NUL, which PostgreSQL cannot store', () => {
    expect(() => decodeCursor('a', encodeCursor('a', 'x\0'))).toThrow('is not a cursor of this list');
  });
});
