import { GraphQLError } from 'graphql';

/** What was found by reading: how many rows, and roughly how many bytes. */
export type Weight = { rows: number; bytes: number };

export type OperationLimits = Weight & {
  /** How long an operation, or what a subscription does for one event, may take. */
  ms: number;
  /** How many of an operation's reads are under way at a time: who asks for many pages in one leaves connections for others. */
  readsAtOnce: number;
};

export type OperationBudget = ReturnType<typeof makeOperationBudget>;

/** What one operation may read, and for how long it may run. One count for each execution: an event of a subscription is one, too. */
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
    /** The signal is aborted, with the error to show, when the operation has read too much or its time is up. */
    begin: (): AbortSignal => begin().aborting.signal,
    end,
    /** Ends the count; what is read next has a new one. */
    endEvent: (): void => {
      end();
      execution = null;
    },
    /** Reads when it is its turn, and charges what was found. No read begins once the operation is aborted. */
    read: async <Found>(run: () => Promise<Found>, weigh: (found: Found) => Weight): Promise<Found> => {
      // Whoever reads without having begun is an event of a subscription.
      const own = execution ?? begin();
      if (underWay < limits.readsAtOnce) underWay++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        own.aborting.signal.throwIfAborted();
        const found = await run();
        charge(own, weigh(found));
        return found;
      } finally {
        // Who waits gets the place itself: left free, it would be taken by a read that begins before that one goes on.
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
