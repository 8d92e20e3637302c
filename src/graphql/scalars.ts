import { GraphQLScalarType } from 'graphql';
import { DateTimeResolver, JSONResolver, SafeIntResolver } from 'graphql-scalars';

export const DateTime = new GraphQLScalarType({
  ...DateTimeResolver.toConfig(),
  description:
    'An instant as RFC 3339 text with an offset, for example 2026-03-29T09:00:00+02:00. Returned in UTC with milliseconds.',
});
export const SafeInt = new GraphQLScalarType({
  ...SafeIntResolver.toConfig(),
  description: 'A whole number up to 2^53 - 1, which JSON and JavaScript carry exactly.',
});
export const Json = new GraphQLScalarType({ ...JSONResolver.toConfig(), description: 'Any JSON value.' });
