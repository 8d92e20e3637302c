import { GraphQLError, type ValidationRule } from 'graphql';
import type { Plugin } from 'graphql-yoga';

const withCode = (error: GraphQLError, code: string): GraphQLError =>
  new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    path: error.path,
    extensions: { code, ...error.extensions, http: { status: 400 } },
  });

/** A literal that a type refuses is the caller's value, like a variable that it refuses; the rest is the caller's document. */
const isAboutAValue = (error: GraphQLError): boolean =>
  error.originalError != null ||
  /^(Int|Float|Boolean|String|ID|SafeInt|DateTime|Text|Value|Enum|Expected value)\b/.test(error.message);

/** Gives what the library finds wrong with an operation the code and the HTTP status that clients rely on. */
export const useErrorCodes = ({ rules }: { rules: readonly ValidationRule[] }): Plugin => ({
  onParse: () => {
    return ({ result, replaceParseResult }) => {
      if (result instanceof GraphQLError) replaceParseResult(withCode(result, 'GRAPHQL_PARSE_FAILED') as never);
    };
  },
  onValidate: ({ addValidationRule }) => {
    for (const rule of rules) addValidationRule(rule);
    return ({ result, setResult }) => {
      const errors = result as readonly GraphQLError[];
      if (errors.length === 0) return;
      setResult(errors.map((error) => withCode(error, isAboutAValue(error) ? 'BAD_USER_INPUT' : 'GRAPHQL_VALIDATION_FAILED')));
    };
  },
  onExecute: () => ({
    onExecuteDone: ({ result, setResult }) => {
      if (isRefusedVariables(result)) setResult({ errors: result.errors.map((error) => withCode(error, 'BAD_USER_INPUT')) });
    },
  }),
  onSubscribe: () => ({
    onSubscribeResult: ({ result, setResult }) => {
      if (isRefusedVariables(result)) setResult({ errors: result.errors.map((error) => withCode(error, 'BAD_USER_INPUT')) });
    },
  }),
});

type Refused = { data?: undefined; errors: readonly GraphQLError[] };

/** Without data, and with errors that have neither path nor code, nothing has run: the variables did not fit. */
const isRefusedVariables = (result: object): result is Refused => {
  if (Symbol.asyncIterator in result) return false;
  const { data, errors } = result as { data?: unknown; errors?: readonly GraphQLError[] };
  return data === undefined && Boolean(errors?.length && errors.every(({ path, extensions }) => !path && !extensions.code));
};
