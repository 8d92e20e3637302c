import { getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../context.ts';

export type OnOperation = (operation: { type: 'query' | 'mutation' | 'subscription'; failed: boolean }) => void;

/** Reports each operation that runs, over HTTP and over websockets. */
export const useOperations = ({ onOperation }: { onOperation: OnOperation }): Plugin<Context> => {
  const typeOf = ({ document, operationName }: { document: unknown; operationName?: string | null | undefined }) =>
    getOperationAST(document as Parameters<typeof getOperationAST>[0], operationName)?.operation ?? 'query';
  return {
    onExecute: ({ args }) => ({
      onExecuteDone: ({ result }) => {
        onOperation({ type: typeOf(args), failed: !(Symbol.asyncIterator in result) && Boolean(result.errors?.length) });
      },
    }),
    onSubscribe: ({ args }) => ({
      onSubscribeResult: ({ result }) => {
        onOperation({ type: typeOf(args), failed: !(Symbol.asyncIterator in result) });
      },
    }),
  };
};
