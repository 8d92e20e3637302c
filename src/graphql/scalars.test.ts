import { describe, expect, it } from 'vitest';
import { DateTime } from './scalars.ts';

describe('DateTime', () => {
  it('is returned in UTC with milliseconds', () => {
    expect(DateTime.serialize(new Date('2026-03-29T09:00:00+02:00'))).toBe('2026-03-29T07:00:00.000Z');
  });

  it('does not return what is no instant', () => {
    for (const value of [new Date(Number.NaN), new Date(8.64e15), new Date('0000-12-31T23:59:59.999Z'), 'text', 5, null]) {
      expect(() => DateTime.serialize(value)).toThrow('is not an instant');
    }
  });
});
