import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import { GraphQLError, type ValidationContext } from 'graphql';
import { useCostLimit } from './plugins/cost-limit.ts';

/** Bytes of a request body, and of a websocket message. */
export const maxRequestBytes = 1024 * 1024;
/** Operations at a time on one socket. */
export const maxSocketOperations = 100;
/** Bytes of answers that wait for one socket to read them. Who reads as they come stays far below: sends are awaited. */
export const maxBufferedSocketBytes = 8 * 1024 * 1024;
/** Sockets of one process at a time. */
export const maxSockets = 10_000;

/**
 * A thrown finding would pass by everything that gives errors their code and status: it is reported instead, as other
 * findings are.
 */
const asFinding = {
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null, { message }: GraphQLError) =>
      context?.reportError(new GraphQLError(message.replace('Syntax Error: ', ''))),
  ],
};

/** How large an operation may be. GraphiQL's introspection fits; what no honest client sends does not. */
export const limitPlugins = () => [
  maxTokensPlugin({ n: 2000 }),
  maxDepthPlugin({ n: 12, ignoreIntrospection: true, ...asFinding }),
  maxAliasesPlugin({ n: 30, allowList: [], ...asFinding }),
  useCostLimit({ maxCost: 100_000 }),
];
