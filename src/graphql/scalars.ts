import { GraphQLError, GraphQLID, GraphQLScalarType, GraphQLString } from 'graphql';
import { DateTimeResolver, JSONResolver, SafeIntResolver } from 'graphql-scalars';
import { isStorableText } from '../domain/text.ts';

const checked = <Value>(value: Value): Value => {
  if (typeof value !== 'string' || isStorableText(value)) return value;
  throw new GraphQLError('Text must not contain NUL (U+0000) or a lone surrogate');
};

/** A built-in text scalar that refuses, wherever it comes in, what the database and the log cannot hold. */
const storable = (scalar: GraphQLScalarType<string>) => {
  const coerceInputValue = (value: unknown) => checked(scalar.coerceInputValue(value));
  return new GraphQLScalarType<string>({
    ...scalar.toConfig(),
    parseValue: coerceInputValue,
    coerceInputValue,
    parseLiteral: (node, variables) => checked(scalar.parseLiteral(node, variables)),
    coerceInputLiteral: (node) => checked(scalar.coerceInputLiteral?.(node)),
  });
};

export const StringScalar = storable(GraphQLString);
export const IdScalar = storable(GraphQLID);

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
