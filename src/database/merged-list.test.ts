import { expect, it } from 'vitest';
import { mergedList } from './merged-list.ts';

const rows = { a: [1, 4, 7], b: [2, 3, 9], c: [0, 5, 6] };
type Key = keyof typeof rows;
const asked: (Key | null)[] = [];
const options = {
  page: async (key: Key | null) => {
    asked.push(key);
    return key ? rows[key].slice(0, 2) : [8];
  },
  compare: (x: number, y: number) => x - y,
  limit: 2,
};

it('takes one page where there is no restriction, or one value', async () => {
  expect(await mergedList(null, options)).toEqual([8]);
  expect(await mergedList(['b'], options)).toEqual([2, 3]);
});

it('merges the pages of several values in order, and cuts them to one', async () => {
  expect(await mergedList(['a', 'b', 'a', 'c'], options)).toEqual([0, 1]);
  expect(asked.slice(-3).sort()).toEqual(['a', 'b', 'c']);
});

it('gives an empty page where no value is asked for', async () => {
  expect(await mergedList([], options)).toEqual([]);
});
