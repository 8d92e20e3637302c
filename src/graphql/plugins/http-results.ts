import type { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Clock } from '../../ports/clock.ts';
import type { Context } from '../context.ts';
import { endedAt } from '../expiry.ts';

const callersFault = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT', 'BAD_REQUEST']);

/** What is particular to HTTP: statuses that say what the errors say, and streams that end with their token. */
export const useHttpResults = ({ clock }: { clock: Clock }): Plugin<Context> => ({
  onSubscribe: ({ args: { contextValue } }) => {
    const { expiresAt } = contextValue.caller;
    // A socket sees to that itself, and says why.
    if (!('res' in contextValue) || !expiresAt) return;
    return {
      onSubscribeResult: ({ result, setResult }) => {
        if (Symbol.asyncIterator in result) setResult(endedAt(result, expiresAt, clock));
      },
    };
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
