import { GraphQLError, GraphQLScalarType } from 'graphql';
import { JSONResolver, SafeIntResolver } from 'graphql-scalars';

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

export const DateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description:
    'An instant as RFC 3339 text with an offset, for example 2026-03-29T09:00:00+02:00, of the years 1 to 9999 and without leap seconds. Returned in UTC with milliseconds.',
  specifiedByURL: 'https://datatracker.ietf.org/doc/html/rfc3339#section-5.6',
  parseValue: (value) => {
    const instant = typeof value === 'string' ? parseInstant(value) : null;
    if (instant) return instant;
    const shown = JSON.stringify(value)?.slice(0, 100);
    throw new GraphQLError(
      `DateTime cannot represent ${shown}: it must be RFC 3339 text with an offset, for example "2026-03-29T09:00:00Z"`,
    );
  },
  serialize: (value) => {
    if (value instanceof Date && isInstant(value)) return value.toISOString();
    throw new TypeError(`${String(value)} is no instant`);
  },
});
export const SafeInt = new GraphQLScalarType({
  ...SafeIntResolver.toConfig(),
  description: 'A whole number up to 2^53 - 1, which JSON and JavaScript carry exactly.',
});
export const Json = new GraphQLScalarType({ ...JSONResolver.toConfig(), description: 'Any JSON value.' });
