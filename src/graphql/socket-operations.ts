import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLFormattedError, getOperationAST } from 'graphql';
import { shareOf } from '../access/model/actor.ts';
import { requestScope } from '../http/request-scope.ts';
import type { Context, ServerContext } from './context.ts';
import { isWorthRetrying, unresolvedOperation } from './errors.ts';
import type { GraphQLServer } from './server.ts';

// Runs an operation that came over a socket through the plugins of the HTTP server.

type Initial = Omit<ServerContext, 'res'> & {
  params: { query: string; operationName?: string | null; variables?: Record<string, unknown> | null };
};

type Prepared = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>;

/** The arguments of an execution, or the errors of the operation. */
export const prepareOperation = async (graphql: GraphQLServer, initial: Initial) => {
  const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped(initial);
  const { query, operationName, variables } = initial.params;
  try {
    const document = parse(query);
    if (!getOperationAST(document, operationName)) return [unresolvedOperation()];
    const errors = validate(schema, document);
    if (errors.length > 0) return errors;
    return {
      schema,
      document,
      operationName,
      variableValues: variables,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe },
    };
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
};

export const execute = (args: ExecutionArgs) => inScope(args, () => (args.rootValue as Prepared).execute(args));

export const subscribe = async (args: ExecutionArgs) => {
  const result = await inScope(args, () => (args.rootValue as Prepared).subscribe(args));
  return isAsyncIterable(result) ? withEach(result, (next) => inScope(args, next)) : result;
};

/**
 * Why a subscription did not start although it could start later: the database is not available, or a limit is reached. Null in
 * other cases.
 */
export const whyNotStarted = ({ document, operationName }: ExecutionArgs, result: object): GraphQLFormattedError | undefined => {
  if (getOperationAST(document, operationName)?.operation !== 'subscription' || isAsyncIterable(result)) return undefined;
  return (result as ExecutionResult).errors?.find(isWorthRetrying);
};

/** Runs an operation in the scope of its request, so that its log lines have the request id, as over HTTP. */
const inScope = <Result>({ contextValue }: ExecutionArgs, run: () => Result): Result => {
  const { caller } = contextValue as Context;
  return requestScope.run({ requestId: caller.requestContext.requestId, share: shareOf(caller) }, run);
};

/** The same iterable, but each of its steps runs inside `around`. */
const withEach = <Item>(
  items: AsyncIterable<Item>,
  around: (step: () => Promise<IteratorResult<Item>>) => Promise<IteratorResult<Item>>,
): AsyncIterableIterator<Item> => {
  const iterator = items[Symbol.asyncIterator]();
  const wrapped: AsyncIterableIterator<Item> = {
    [Symbol.asyncIterator]: () => wrapped,
    next: () => around(() => iterator.next()),
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  return wrapped;
};

const isAsyncIterable = (value: object): value is AsyncIterable<ExecutionResult> => Symbol.asyncIterator in value;

/** An error as a socket sends it: without the HTTP status, which means nothing there. */
export const toSocketError = (error: GraphQLFormattedError): GraphQLFormattedError => {
  const { extensions, ...rest } = error instanceof GraphQLError ? error.toJSON() : error;
  const { http, ...shown } = extensions ?? {};
  return { ...rest, extensions: shown };
};
