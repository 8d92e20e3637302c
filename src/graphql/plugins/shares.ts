import {
  type DocumentNode,
  type ExecutionResult,
  GraphQLError,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { shareOf } from '../../access/model/actor.ts';
import { type FairQueue, OverShareError } from '../../kernel/limits/fair-queue.ts';
import type { Context } from '../context.ts';
import { mayHaveRun, rateLimited } from '../errors.ts';
import { type SentRequest, sizeOfRequest } from '../request-size.ts';

/** Queues in which callers take turns. Mutations have a queue of their own, so they never wait for queries. */
export type OperationQueues = { queries: FairQueue; mutations: FairQueue };

/**
 * Runs queries and mutations when it is their caller's turn, and refuses them at once if the queue is full. This works over HTTP
 * and over websockets alike.
 */
export const useShares = ({ queries, mutations }: OperationQueues): Plugin<Context> => ({
  onExecute: ({ args, executeFn, setExecuteFn }) => {
    const { document, operationName, contextValue } = args as unknown as Execution;
    const operation = getOperationAST(document, operationName);
    const isMutation = operation?.operation === 'mutation';
    const queue = isMutation ? mutations : queries;
    setExecuteFn(async (given) => {
      try {
        const result = await queue.run(
          shareOf(contextValue.caller),
          async () => executeFn(given),
          () => sizeOfRequest(contextValue),
        );
        return isMutation ? warnOfMadeChanges(result as ExecutionResult, operation) : result;
      } catch (error) {
        if (!(error instanceof OverShareError)) throw error;
        return {
          errors: [rateLimited(isMutation ? `Nothing was changed: ${error.message}` : error.message, error.retryAfterMs)],
        };
      }
    });
  },
});

type Execution = { document: DocumentNode; operationName?: string | null; contextValue: Context & SentRequest };

/**
 * Warns the caller if a mutation was refused while it read its answer: its changes may have been made. Nothing has changed only
 * if the mutation has one root field and that field itself was refused.
 */
const warnOfMadeChanges = (
  result: ExecutionResult,
  { selectionSet: { selections } }: OperationDefinitionNode,
): ExecutionResult => {
  const isOneField = selections.length === 1 && selections[0]?.kind === Kind.FIELD;
  const errors = result.errors?.map((error) => {
    const { originalError, nodes, path } = error;
    if (!(originalError instanceof OverShareError) || (isOneField && path?.length === 1)) return error;
    const { message, extensions } = mayHaveRun(rateLimited(originalError.message, originalError.retryAfterMs));
    return new GraphQLError(message, { nodes, path, extensions });
  });
  return errors ? { ...result, errors } : result;
};
