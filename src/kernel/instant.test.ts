import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant, isInstant, parseInstant } from './instant.ts';

const [min, max] = [new Date('0001-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59.999Z')];

describe('parseInstant', () => {
  it('reads back every instant that is written in UTC', () => {
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
        expect(parseInstant(date.toISOString())).toEqual(date);
      }),
    );
  });

  it('reads every offset as the same instant that JavaScript reads', () => {
    const offset = fc
      .tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([sign, hours, minutes]) => `${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`);
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
        offset,
        (date, zone) => {
          const text = date.toISOString().replace('Z', zone);
          expect(parseInstant(text)).toEqual(new Date(text));
        },
      ),
    );
  });

  it('takes no text for an instant that names a day or a time which does not exist', () => {
    const part = (last: number) => fc.integer({ min: 0, max: last }).map((number) => String(number).padStart(2, '0'));
    fc.assert(
      fc.property(part(99), part(99), part(99), part(99), part(99), (month, day, hour, minute, second) => {
        const text = `2027-${month}-${day}T${hour}:${minute}:${second}Z`;
        const parsed = parseInstant(text);
        // What was understood says the same when it is written again.
        if (parsed) expect(parsed.toISOString()).toBe(text.replace('Z', '.000Z'));
        else expect(Number.isNaN(Date.parse(text)) || new Date(text).toISOString() !== text.replace('Z', '.000Z')).toBe(true);
      }),
    );
  });

  it.each([
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['2026-03-29t09:00:00.1239999+02:00', '2026-03-29T07:00:00.123Z'],
    ['2026-03-29T09:00:00-00:00', '2026-03-29T09:00:00.000Z'],
    ['2026-03-29T09:00:00+23:59', '2026-03-28T09:01:00.000Z'],
    ['0099-01-01T00:00:00z', '0099-01-01T00:00:00.000Z'],
  ])('takes %s for %s', (text, instant) => {
    expect(parseInstant(text)?.toISOString()).toBe(instant);
  });

  it.each([
    '2027-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2027-01-01T24:00:00Z',
    '2026-12-31T23:59:60Z',
    '2026-03-29T09:00:00+24:00',
    '2026-03-29T09:00:00+00:60',
    '2026-03-29T09:00:00+0200',
    '2026-03-29T09:00:00.Z',
    '2026-03-29T09:00:00,5Z',
    '2026-03-29T09:00Z',
    '2026-03-29 09:00:00Z',
    '2026-03-29T09:00:00Z\n',
    '+002026-03-29T09:00:00Z',
    '-000001-01-01T00:00:00Z',
    '0000-02-29T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
  ])('takes %j for no instant', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it('does not throw on any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseInstant(text)));
  });
});

describe('an instant of an input', () => {
  it('is a Date or text with an offset, and becomes a Date', () => {
    const date = new Date('2026-03-29T07:00:00Z');
    for (const value of [date, '2026-03-29T09:00:00+02:00', '2026-03-29t07:00:00z']) expect(instant.parse(value)).toEqual(date);
    expect([min, max].every(isInstant)).toBe(true);
  });

  it.each([
    ['2026-03-29', '2026-03-29T09:00:00', '2026-02-30T09:00:00Z', '0000-12-31T23:59:59Z', '9999-12-31T23:59:59-00:01', ''],
    [new Date(Number.NaN), new Date(8.64e15), new Date(min.getTime() - 1), 1_774_767_600_000, null, undefined],
  ])('is nothing else: %j', (...values) => {
    for (const value of values) {
      expect(instant.safeParse(value).error?.issues[0]?.message, String(value)).toMatch(/^must be an instant/);
    }
  });
});
