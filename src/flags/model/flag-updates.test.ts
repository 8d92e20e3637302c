import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../kernel/errors.ts';
import { flagUpdatesSchema, parseStoredUpdates } from './flag-updates.ts';

describe('updates', () => {
  it.each([{}, { enabled: null }, { enabled: null, rolloutPercentage: null, defaultVariant: null }])(
    'must change something: %j',
    (updates) => {
      expect(flagUpdatesSchema.safeParse(updates).success).toBe(false);
    },
  );

  it.each([
    [{ enabled: true, rolloutPercentage: null }, { enabled: true }],
    [{ rolloutPercentage: 0, unknown: 1 }, { rolloutPercentage: 0 }],
  ])('that were stored as %j are read as %j', (stored, read) => {
    expect(parseStoredUpdates(stored)).toStrictEqual(read);
  });

  it.each(
    [null, undefined, [], 'text', 1, {}, { enabled: 1 }, { rolloutPercentage: 1.5 }, { rolloutPercentage: '5' }].map((stored) => [
      stored,
    ]),
  )('that were stored as %j are refused with a ValidationError below updates', (stored) => {
    expect(() => parseStoredUpdates(stored)).toThrow(ValidationError);
    expect(() => parseStoredUpdates(stored)).toThrow(/^updates/);
  });
});
