import { describe, expect, it } from 'vitest';
import { createFlagSchema, newFlag } from './flag.ts';

const now = new Date('2026-03-01T09:00:00.000Z');

describe('a new flag', () => {
  it('is a boolean without tags where nothing is said, and has each tag once', () => {
    expect(newFlag({ key: 'a', name: 'A' }, { id: 'f-1', now })).toMatchObject({ type: 'BOOLEAN', tags: [], description: null });
    expect(newFlag({ key: 'a', name: 'A', tags: ['x', 'y', 'x'] }, { id: 'f-1', now }).tags).toEqual(['x', 'y']);
  });

  it.each(['a', '1', 'checkout-v2', 'team/flag.name_1', 'x'.repeat(128)])('may be called %s', (key) => {
    expect(createFlagSchema.safeParse({ key, name: 'A' }).success).toBe(true);
  });

  it.each(['', '-a', '.a', '/a', 'a b', 'ä', 'a\n', 'x'.repeat(129)])('may not be called %j', (key) => {
    expect(createFlagSchema.safeParse({ key, name: 'A' }).success).toBe(false);
  });
});

it.each(['on\noff', 'on\u2028off', ''])('a variant may not be called %j: flagd could not read the flag', (key) => {
  const variants = [{ key, value: true }];
  expect(createFlagSchema.safeParse({ key: 'a', name: 'A', variants }).error?.issues[0]?.path).toEqual(['variants', 0, 'key']);
});
