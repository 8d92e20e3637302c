import { type GraphQLError, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../context.ts';
import { mayHaveRun } from '../errors.ts';

/** Ends an execution that reads too much or takes too long. No further work starts, and its answer is only the error. */
export const useOperationBudget = (): Plugin<Context> => ({
  onExecute: ({ args, executeFn, setExecuteFn, context: { budget } }) => {
    setExecuteFn(async (given) => {
      const signal = budget.begin();
      const aborted = untilAborted(signal);
      try {
        // Both are needed: the signal stops the executor from starting more, and the race does not wait for what already runs.
        return await Promise.race([aborted.promise, executeFn({ ...given, signal } as typeof given)]);
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) throw error;
        const reason = signal.reason as GraphQLError;
        const isMutation = getOperationAST(args.document, args.operationName)?.operation === 'mutation';
        return { errors: [isMutation ? mayHaveRun(reason) : reason] };
      } finally {
        aborted.forget();
        budget.end();
      }
    });
  },
  onSubscribe: ({
    args: {
      contextValue: { budget },
    },
  }) => ({
    onSubscribeResult: () => ({ onNext: budget.endEvent, onEnd: budget.endEvent }),
  }),
});

const untilAborted = (signal: AbortSignal) => {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  return { promise, forget: () => signal.removeEventListener('abort', abort) };
};
