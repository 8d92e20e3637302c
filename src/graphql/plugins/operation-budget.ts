import { type GraphQLError, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../context.ts';
import { hasRun } from '../errors.ts';

/** Ends an execution that has read too much, or takes too long: nothing more of it is begun, and the error is all its answer. */
export const useOperationBudget = (): Plugin<Context> => ({
  onExecute: ({ args, executeFn, setExecuteFn, context }) => {
    const { budget } = context;
    setExecuteFn(async (given) => {
      const signal = budget.begin();
      try {
        return await executeFn({ ...given, signal } as typeof given);
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) throw error;
        const reason = signal.reason as GraphQLError;
        const isMutation = getOperationAST(args.document, args.operationName)?.operation === 'mutation';
        return { errors: [isMutation ? hasRun(reason) : reason] };
      } finally {
        budget.end();
      }
    });
  },
  onSubscribe: ({ args }) => ({
    onSubscribeResult: () => ({ onNext: () => args.contextValue.budget.end(), onEnd: () => args.contextValue.budget.end() }),
  }),
});
