import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../kernel/errors.ts';
import { type CreateSchedule, isBefore, isSameRequest, planSchedule, retryDelayMs } from './schedule.ts';

const now = new Date('2026-03-01T09:00:00.000Z');
const input: CreateSchedule = {
  flagKey: 'checkout',
  environment: 'production',
  scheduledAt: new Date('2026-03-01T10:00:00.000Z'),
  updates: { enabled: true, rolloutPercentage: null },
};
const plan = (rest: Partial<CreateSchedule> = {}, at = now) =>
  planSchedule({ id: 's-1', createdBy: 'ada', now: at }, { id: 'f-1', key: 'checkout' }, { ...input, ...rest });

describe('retryDelayMs', () => {
  it.each([
    [0, 2],
    [1, 4],
    [2, 8],
    [3, 16],
    [4, 32],
    [5, 60],
    [6, 60],
    [10, 60],
  ])('waits after %i retries for %i minutes, and up to 30 s more', (retries, minutes) => {
    expect(retryDelayMs(retries, 0)).toBe(minutes * 60_000);
    expect(retryDelayMs(retries, 0.5)).toBe(minutes * 60_000 + 15_000);
    expect(retryDelayMs(retries, 0.999_999)).toBeLessThan(minutes * 60_000 + 30_000);
  });
});

describe('planSchedule', () => {
  it('keeps what was asked for, with three retries unless another number is given, and drops absent updates', () => {
    expect(plan()).toMatchObject({ status: 'PENDING', maxRetries: 3, retryCount: 0, createdBy: 'ada', createdAt: now });
    expect(plan().updates).toStrictEqual({ enabled: true });
    expect(plan({ maxRetries: 0 }).maxRetries).toBe(0);
  });

  it.each([
    ['now', now],
    ['a millisecond ago', new Date(now.getTime() - 1)],
    ['a millisecond beyond five years', new Date('2031-03-01T09:00:00.001Z')],
  ])('refuses %s', (_, scheduledAt) => {
    expect(() => plan({ scheduledAt })).toThrow(ValidationError);
  });

  it('names the value, the place and the range', () => {
    expect(() => plan({ scheduledAt: now })).toThrow(
      'scheduledAt: is 2026-03-01T09:00:00.000Z: it must be after now, 2026-03-01T09:00:00.000Z, and not after 2031-03-01T09:00:00.000Z',
    );
  });

  it('counts five years from a leap day, too', () => {
    const leapDay = new Date('2028-02-29T09:00:00.000Z');
    expect(plan({ scheduledAt: new Date('2033-03-01T09:00:00.000Z') }, leapDay).status).toBe('PENDING');
    expect(() => plan({ scheduledAt: new Date('2033-03-01T09:00:00.001Z') }, leapDay)).toThrow(ValidationError);
  });
});

describe('isSameRequest', () => {
  it('takes defaults that are spelled out, and nulls, for the same', () => {
    expect(isSameRequest(plan(), input)).toBe(true);
    expect(isSameRequest(plan(), { ...input, maxRetries: 3, updates: { enabled: true, defaultVariant: null } })).toBe(true);
  });

  it('compares what was asked for first, whatever an edit made of it', () => {
    const { scheduledAt, updates, maxRetries } = plan();
    const edited = { ...plan({ maxRetries: 9 }), requested: { scheduledAt, updates, maxRetries } };
    expect(isSameRequest(edited, input)).toBe(true);
    expect(isSameRequest(edited, { ...input, maxRetries: 9 })).toBe(false);
  });

  it.each<[string, Partial<CreateSchedule>]>([
    ['flag', { flagKey: 'search' }],
    ['environment', { environment: 'staging' }],
    ['instant', { scheduledAt: new Date('2026-03-01T10:00:00.001Z') }],
    ['switch', { updates: { enabled: false } }],
    ['rollout', { updates: { enabled: true, rolloutPercentage: 0 } }],
    ['variant', { updates: { enabled: true, defaultVariant: 'b' } }],
    ['number of retries', { maxRetries: 0 }],
  ])('tells another %s', (_, rest) => {
    expect(isSameRequest(plan(), { ...input, ...rest })).toBe(false);
  });
});

it('isBefore orders by instant, then id: strictly, and totally', () => {
  const place = fc.record({
    scheduledAt: fc.date({ min: new Date(0), max: new Date(3), noInvalidDate: true }),
    id: fc.constantFrom('a', 'b', 'c'),
  });
  fc.assert(
    fc.property(place, place, place, (a, b, c) => {
      const same = a.id === b.id && a.scheduledAt.getTime() === b.scheduledAt.getTime();
      expect([isBefore(a, b), isBefore(b, a), same].filter(Boolean)).toHaveLength(1);
      if (isBefore(a, b) && isBefore(b, c)) expect(isBefore(a, c)).toBe(true);
      if (a.scheduledAt < b.scheduledAt) expect(isBefore(a, b)).toBe(true);
    }),
  );
});
