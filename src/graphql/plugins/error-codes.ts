import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  type ValidationRule,
  ValuesOfCorrectTypeRule,
  validate,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { literalsFitRule, type Operation, refusedVariables } from './refused-values.ts';

const withCode = (error: GraphQLError, code: string): GraphQLError =>
  new GraphQLError(error.message, {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    path: error.path,
    extensions: { code, ...error.extensions, http: { status: 400 } },
  });

type Options = {
  rules: readonly ValidationRule[] /** Whether names that are close to what was asked for are kept to ourselves. */;
  hideSuggestions: boolean;
};

/**
 * Gives the library's errors about an operation the code and the HTTP status that clients rely on. Errors about invalid values,
 * in literals or variables, get the path of the value.
 */
export const useErrorCodes = ({ rules, hideSuggestions }: Options): Plugin => {
  const describe = (args: Operation, result: object, setResult: (result: { errors: GraphQLError[] }) => void): void => {
    if (!isRefusedVariables(result)) return;
    const refused = refusedVariables(args, { hideSuggestions });
    setResult({ errors: (refused.length > 0 ? refused : result.errors).map((error) => withCode(error, 'BAD_USER_INPUT')) });
  };
  return {
    onParse: () => {
      return ({ result, replaceParseResult }) => {
        if (result instanceof GraphQLError) replaceParseResult(withCode(result, 'GRAPHQL_PARSE_FAILED') as never);
      };
    },
    onValidate: ({ addValidationRule, setValidationFn }) => {
      for (const rule of rules) addValidationRule(rule);
      setValidationFn((schema: GraphQLSchema, document: DocumentNode, applied: readonly ValidationRule[] = []) => {
        const ours = applied.map((rule) => (rule === ValuesOfCorrectTypeRule ? literalsFitRule : rule));
        return validate(schema, document, ours, { hideSuggestions });
      });
      return ({ result, setResult }) => {
        const errors = result as readonly GraphQLError[];
        if (errors.length > 0) setResult(errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')));
      };
    },
    onExecute: ({ args }) => ({
      onExecuteDone: ({ result, setResult }) => describe(args as Operation, result, setResult),
    }),
    onSubscribe: ({ args }) => ({
      onSubscribeResult: ({ result, setResult }) => describe(args as Operation, result, setResult),
    }),
  };
};

type Refused = { data?: undefined; errors: readonly GraphQLError[] };

/** Whether variables were refused. Then nothing has run: there are no data, and the errors have neither path nor code. */
const isRefusedVariables = (result: object): result is Refused => {
  if (Symbol.asyncIterator in result) return false;
  const { data, errors } = result as { data?: unknown; errors?: readonly GraphQLError[] };
  return data === undefined && Boolean(errors?.length && errors.every(({ path, extensions }) => !path && !extensions.code));
};
