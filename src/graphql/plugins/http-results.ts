import type { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { badRequest } from '../errors.ts';

const callersFault = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT', 'BAD_REQUEST']);

/** What is particular to HTTP: statuses that say what the errors say, and no subscriptions. */
export const useHttpResults = (): Plugin => ({
  // A token's expiry ends a socket, and would not end a stream of server-sent events.
  onSubscribe: ({ args, setResultAndStopExecution }) => {
    if ('res' in (args.contextValue as object)) {
      setResultAndStopExecution({ errors: [badRequest('Subscriptions run over a websocket (graphql-ws), at the same address')] });
    }
  },
  // Yoga answers 200 to what it finds wrong before execution, unless the client asks for application/graphql-response+json.
  onResultProcess: ({ result }) => {
    if (Array.isArray(result) || Symbol.asyncIterator in result) return;
    for (const { extensions } of (result.errors ?? []) as readonly GraphQLError[]) {
      if (callersFault.has(extensions?.code as string)) {
        const { headers } = (extensions.http ?? {}) as { headers?: Record<string, string> };
        extensions.http = { status: 400, ...(headers && { headers }) };
      }
    }
  },
});
