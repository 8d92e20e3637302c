import { GraphQLError, GraphQLScalarType } from 'graphql';
import { JSONResolver, SafeIntResolver } from 'graphql-scalars';
import { isInstant, parseInstant } from '../kernel/instant.ts';

export const DateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description:
    'An instant as RFC 3339 text with an offset, for example 2026-03-29T09:00:00+02:00. The years 1 to 9999 are allowed, leap seconds are not. Answers are in UTC, with milliseconds.',
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
    throw new TypeError(`${String(value)} is not an instant`);
  },
});
export const SafeInt = new GraphQLScalarType({
  ...SafeIntResolver.toConfig(),
  description: 'A whole number up to 2^53 - 1, which JSON and JavaScript carry exactly.',
});
export const Json = new GraphQLScalarType({ ...JSONResolver.toConfig(), description: 'Any JSON value.' });
