import { z } from 'zod';

/** RFC 3339, section 5.6. The first three digits of a fraction count. */
const instantPattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;
const range = { min: Date.parse('0001-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') };

/** Whether a date is an instant that RFC 3339 can write in UTC, and the database can hold. */
export const isInstant = (date: Date): boolean => date.getTime() >= range.min && date.getTime() <= range.max;

/** The instant that a text means; null where it means none. JavaScript's own parser would take 30 February for 2 March. */
export const parseInstant = (text: string): Date | null => {
  const match = instantPattern.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  const exists = local.getUTCMonth() === month - 1 && local.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  const offsetMinutes = parseOffset(match[8] ?? '');
  if (!exists || offsetMinutes === null) return null;
  local.setUTCHours(hour, minute - offsetMinutes, second, Number((match[7] ?? '.0').slice(1, 4).padEnd(3, '0')));
  return isInstant(local) ? local : null;
};

const parseOffset = (text: string): number | null => {
  if (/^z$/i.test(text)) return 0;
  const [hours = 0, minutes = 0] = text.slice(1).split(':').map(Number);
  return hours < 24 && minutes < 60 ? (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) : null;
};

const expected = 'must be an instant of the years 1 to 9999, as RFC 3339 text with an offset';

/** An instant: a Date, or the text that GraphQL's DateTime takes. */
export const instant = z.union(
  [
    z.date(expected).refine(isInstant, expected),
    z.string().transform((text, context): Date => {
      const parsed = parseInstant(text);
      if (parsed) return parsed;
      context.addIssue(expected);
      return z.NEVER;
    }),
  ],
  expected,
);
