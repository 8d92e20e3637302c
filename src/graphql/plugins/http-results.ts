import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { WatchKey } from '../../access/model/authenticator.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Context } from '../context.ts';
import { unauthenticated } from '../errors.ts';
import { endedBy, onceInvalid } from '../expiry.ts';

const callersFault = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'ANSWER_TOO_LARGE',
  'READ_TOO_MUCH',
]);

/** Handles what only HTTP needs: statuses that match the errors, and streams that end with their token or key. */
export const useHttpResults = (deps: { clock: Clock; watchKey: WatchKey }): Plugin<Context> => ({
  onSubscribe: ({ args: { contextValue } }) => {
    const { caller } = contextValue;
    // Sockets close themselves, with a code that says why.
    if (!('res' in contextValue)) return;
    return {
      onSubscribeResult: ({ result, setResult }) => {
        if (!(Symbol.asyncIterator in result)) return;
        // Without this error, the client would think that the stream has simply completed.
        const endWith = (end: (last: ExecutionResult) => void) =>
          onceInvalid(caller, deps, (reason) => {
            const what = caller.apiKeyId === null ? 'token' : 'API key';
            end({ errors: [unauthenticated(reason === 'expired' ? `the ${what} has expired` : 'the API key was revoked')] });
          });
        setResult(endedBy(result, endWith));
      },
    };
  },
  // Yoga allows caches to store streams. Ours, like every answer, are for their reader alone.
  onResponse: ({ response }) => {
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) response.headers.set('cache-control', 'no-store');
  },
  // Yoga answers errors before execution with 200, unless the client accepts application/graphql-response+json.
  onResultProcess: ({ result }) => {
    if (Array.isArray(result) || Symbol.asyncIterator in result) return;
    for (const { extensions } of (result.errors ?? []) as readonly GraphQLError[]) {
      if (callersFault.has(extensions?.code as string)) {
        extensions.http = { status: 400, ...(extensions.http as object), spec: false };
      }
    }
  },
});
