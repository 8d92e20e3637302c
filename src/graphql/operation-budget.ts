import { GraphQLError } from 'graphql';

/** The size of what was read: how many rows, and roughly how many bytes. */
export type Weight = { rows: number; bytes: number };

export type OperationLimits = Weight & {
  /** How many milliseconds an operation, or the work of a subscription for one event, can take. */
  ms: number;
  /** How many reads of an operation run at a time. An operation with many pages must leave connections for others. */
  readsAtOnce: number;
};

export type OperationBudget = ReturnType<typeof makeOperationBudget>;

/**
 * Limits what one operation can read and how long it can run. It counts anew for each execution; each event of a subscription is
 * one.
 */
export const makeOperationBudget = (limits: OperationLimits) => {
  let execution: Execution | null = null;
  let underWay = 0;
  const waiting: (() => void)[] = [];

  const begin = (): Execution => {
    const aborting = new AbortController();
    const timer = setTimeout(() => aborting.abort(tookTooLong(limits.ms)), limits.ms).unref();
    execution = { aborting, timer, rows: 0, bytes: 0 };
    return execution;
  };
  const end = (): void => {
    if (execution) clearTimeout(execution.timer);
  };
  const charge = (to: Execution, { rows, bytes }: Weight) => {
    to.rows += rows;
    to.bytes += bytes;
    if (to.rows > limits.rows || to.bytes > limits.bytes) to.aborting.abort(readTooMuch(to, limits));
    to.aborting.signal.throwIfAborted();
  };
  return {
    /** Starts the count. The signal aborts, with the error to show, if the operation reads too much or takes too long. */
    begin: (): AbortSignal => begin().aborting.signal,
    end,
    /** Ends the count. The next read starts a new one. */
    endEvent: (): void => {
      end();
      execution = null;
    },
    /** Reads when there is a free place, and adds the size of the result to the count. After an abort, no read starts. */
    read: async <Found>(run: () => Promise<Found>, weigh: (found: Found) => Weight): Promise<Found> => {
      // A read without a count belongs to an event of a subscription.
      const own = execution ?? begin();
      if (underWay < limits.readsAtOnce) underWay++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        own.aborting.signal.throwIfAborted();
        const found = await run();
        charge(own, weigh(found));
        return found;
      } finally {
        // Hand the place directly to the next in line. If it were free for a moment, a new read could take it first.
        const next = waiting.shift();
        if (next) next();
        else underWay--;
      }
    },
  };
};

type Execution = Weight & { aborting: AbortController; timer: NodeJS.Timeout };

const number = new Intl.NumberFormat('en');

const readTooMuch = ({ rows, bytes }: Weight, limits: Weight): GraphQLError => {
  const [found, most] =
    rows > limits.rows
      ? [`${number.format(rows)} rows`, number.format(limits.rows)]
      : [`${toMiB(bytes)} MiB`, `${toMiB(limits.bytes)} MiB`];
  const message = `The operation has read ${found}, but at most ${most} are allowed: ask for smaller pages (\`first\`), or for nested lists in separate operations`;
  return new GraphQLError(message, { extensions: { code: 'READ_TOO_MUCH', http: { status: 400 } } });
};

const toMiB = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

const tookTooLong = (ms: number): GraphQLError =>
  new GraphQLError(
    `The operation was stopped after ${ms / 1000} s, the longest that one can take: ask for less at a time, or try again later`,
    { extensions: { code: 'OPERATION_TIMED_OUT', http: { status: 503 } } },
  );
