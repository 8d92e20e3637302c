import { type ExecutionArgs, type ExecutionResult, GraphQLError, type GraphQLFormattedError, getOperationAST } from 'graphql';
import { shareOf } from '../access/model/actor.ts';
import { requestScope } from '../http/request-scope.ts';
import type { Context, ServerContext } from './context.ts';
import { isWorthRetrying, unresolvedOperation } from './errors.ts';
import type { GraphQLServer } from './server.ts';

// How an operation that came over a socket runs through the plugins of the HTTP server.

type Initial = Omit<ServerContext, 'res'> & {
  params: { query: string; operationName?: string | null; variables?: Record<string, unknown> | null };
};

type Prepared = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>;

/** The arguments of an execution, or what is wrong with the operation. */
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

/** Why a subscription did not even start, where it may another time: the database is out of reach, or there is too much to do. */
export const whyNotStarted = ({ document, operationName }: ExecutionArgs, result: object): GraphQLFormattedError | undefined => {
  if (getOperationAST(document, operationName)?.operation !== 'subscription' || isAsyncIterable(result)) return undefined;
  return (result as ExecutionResult).errors?.find(isWorthRetrying);
};

/** Every line that an operation logs names its request, as over HTTP. */
const inScope = <Result>({ contextValue }: ExecutionArgs, run: () => Result): Result => {
  const { caller } = contextValue as Context;
  return requestScope.run({ requestId: caller.requestContext.requestId, share: shareOf(caller) }, run);
};

/** The iterable, with each of its steps run by `around`. */
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

/** An error as it is sent: without the HTTP status, which is the other transport's business. */
export const toSocketError = (error: GraphQLFormattedError): GraphQLFormattedError => {
  const { extensions, ...rest } = error instanceof GraphQLError ? error.toJSON() : error;
  const { http, ...shown } = extensions ?? {};
  return { ...rest, extensions: shown };
};
