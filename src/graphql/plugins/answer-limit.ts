import { type ExecutionResult, GraphQLError, getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { unreadRetryMs } from '../../http/unread-answers.ts';
import { sizeOfAnswer } from '../answer-size.ts';
import type { Context } from '../context.ts';
import { mayHaveRun, rateLimited } from '../errors.ts';

/**
 * Limits the size of one answer, or one event of a subscription, before it is serialised. Over HTTP the answer also counts
 * towards the unread answers of its caller and of this process.
 */
export const useAnswerLimit = ({ maxBytes }: { maxBytes: number }): Plugin<Context> => {
  const tooLarge = () =>
    new GraphQLError(
      `The answer would be larger than ${maxBytes / 2 ** 20} MiB, the largest that one can be: ask for smaller pages (\`first\`), leave out the fields that hold JSON, or ask for them only once`,
      { extensions: { code: 'ANSWER_TOO_LARGE', http: { status: 400 } } },
    );
  const refusalOf = (result: ExecutionResult, answer: Context['answer'], isMutation: boolean): GraphQLError | null => {
    const size = sizeOfAnswer(result, maxBytes);
    if (size === null) return isMutation ? mayHaveRun(tooLarge()) : tooLarge();
    const unread = answer?.hold(size, { always: isMutation });
    return unread ? rateLimited(unread, unreadRetryMs) : null;
  };
  return {
    onExecute: ({ args }) => ({
      onExecuteDone: ({ result, setResult }) => {
        if (Symbol.asyncIterator in result) return;
        const isMutation = getOperationAST(args.document, args.operationName)?.operation === 'mutation';
        const refused = refusalOf(result, args.contextValue.answer, isMutation);
        if (refused) setResult({ errors: [refused] });
      },
    }),
    onSubscribe: ({ args, setResultAndStopExecution }) => {
      const tooManyStreams = args.contextValue.answer?.stream();
      if (tooManyStreams) return void setResultAndStopExecution({ errors: [rateLimited(tooManyStreams, unreadRetryMs)] });
      return {
        onSubscribeResult: ({ result, setResult }) => {
          if (!(Symbol.asyncIterator in result)) return;
          const { answer } = args.contextValue;
          setResult(
            admitted(result, { ready: async () => answer?.ready(), refusalOf: (event) => refusalOf(event, answer, false) }),
          );
        },
      };
    },
  };
};

type Admission = {
  /** Resolves when the reader has read enough of the earlier events. */
  ready: () => Promise<unknown>;
  refusalOf: (event: ExecutionResult) => GraphQLError | null;
};

/** Passes on each event when its reader is ready for it. A refusal ends the stream, so that the reader knows where to resume. */
const admitted = (
  events: AsyncIterable<ExecutionResult>,
  { ready, refusalOf }: Admission,
): AsyncIterableIterator<ExecutionResult> => {
  const iterator = events[Symbol.asyncIterator]();
  const end = async (): Promise<IteratorResult<ExecutionResult>> =>
    (await iterator.return?.()) ?? { done: true, value: undefined };
  const admittedOnes: AsyncIterableIterator<ExecutionResult> = {
    [Symbol.asyncIterator]: () => admittedOnes,
    next: async () => {
      await ready();
      const event = await iterator.next();
      if (event.done) return event;
      const refused = refusalOf(event.value);
      if (!refused) return event;
      await end();
      return { done: false, value: { errors: [refused] } };
    },
    return: end,
  };
  return admittedOnes;
};
