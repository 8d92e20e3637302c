import { describe, expect, it } from 'vitest';
import { presentJson } from './json.ts';

const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);

describe('JSON of an input', () => {
  it.each([[0], [''], [false], [[]], [{}], ['🦊'], [{ a: [null, { 'b 漢': -0 }] }], [nested(50)]])('may be %j', (value) => {
    expect(presentJson.parse(value)).toBe(value);
  });

  it.each([
    ['null', null, 'not null'],
    ['undefined', undefined, 'not null'],
    ['a function', { at: [() => 1] }, 'no function'],
    ['more than 50 levels', nested(51), 'at most 50 levels'],
    ['as deep as a request is long', nested(500_000), 'at most 50 levels'],
    ['an infinite number', JSON.parse('{"a":[1e999]}'), 'number beyond'],
    ['NUL', { a: ['x\0'] }, 'NUL'],
    ['a key that would be lost', JSON.parse('{"a":{"__proto__":1}}'), '__proto__'],
    ['a lone surrogate in a key', { 'a\uD800': 1 }, 'lone surrogate'],
  ])('must not be %s', (_what, value, message) => {
    expect(presentJson.safeParse(value).error?.issues).toMatchObject([{ message: expect.stringContaining(message) }]);
  });
});
