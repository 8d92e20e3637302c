import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { WatchKey } from '../../access/model/authenticator.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Context } from '../context.ts';
import { unauthenticated } from '../errors.ts';
import { endedBy, onceOver } from '../expiry.ts';

const callersFault = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'ANSWER_TOO_LARGE',
  'READ_TOO_MUCH',
]);

/** What is particular to HTTP: statuses that say what the errors say, and streams that end with their token or key. */
export const useHttpResults = (deps: { clock: Clock; watchKey: WatchKey }): Plugin<Context> => ({
  onSubscribe: ({ args: { contextValue } }) => {
    const { caller } = contextValue;
    // A socket sees to that itself, and says why.
    if (!('res' in contextValue)) return;
    return {
      onSubscribeResult: ({ result, setResult }) => {
        if (!(Symbol.asyncIterator in result)) return;
        // A stream that merely completes looks like one that has come to its end.
        const endWith = (end: (last: ExecutionResult) => void) =>
          onceOver(caller, deps, (reason) => {
            const what = caller.apiKeyId === null ? 'token' : 'API key';
            end({ errors: [unauthenticated(reason === 'expired' ? `the ${what} has expired` : 'the API key was revoked')] });
          });
        setResult(endedBy(result, endWith));
      },
    };
  },
  // Yoga lets caches keep a stream and ask again; ours are for their reader alone, as every answer is.
  onResponse: ({ response }) => {
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) response.headers.set('cache-control', 'no-store');
  },
  // Yoga answers 200 to what it finds wrong before execution, unless the client asks for application/graphql-response+json.
  onResultProcess: ({ result }) => {
    if (Array.isArray(result) || Symbol.asyncIterator in result) return;
    for (const { extensions } of (result.errors ?? []) as readonly GraphQLError[]) {
      if (callersFault.has(extensions?.code as string)) {
        extensions.http = { status: 400, ...(extensions.http as object), spec: false };
      }
    }
  },
});
