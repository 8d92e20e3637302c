import { describe, expect, it } from 'vitest';
import { describeError } from './describe-error.ts';

describe('the description of an error', () => {
  it.each([
    ['the first line that says something', new Error('\n\n  what is wrong\nand more'), 'Error: what is wrong'],
    [
      'the reasons of an error without a text',
      new AggregateError([new Error('no route'), new Error('no route')]),
      'Error: no route',
    ],
    ['the cause of an error without a text', new Error('', { cause: new TypeError('bad') }), 'TypeError: bad'],
    [
      'the code where there is nothing else',
      Object.assign(new Error(''), { code: 'ECONNRESET' }),
      'Error (ECONNRESET), without a message',
    ],
    ['what was thrown that is no error', 'a text', 'a text'],
    ['something for nothing', '', 'an error without text'],
  ])('is %s', (_what, error, text) => {
    expect(describeError(error)).toBe(text);
  });
});
