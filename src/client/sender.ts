import type { Log } from './logger.ts';
import type { Settings } from './options.ts';
import { type Item, type Outbox, textAt } from './outbox.ts';
import { type Answer, maxEventsBytes, postBatch } from './request.ts';
import { makeServiceClock } from './service-clock.ts';
import type { World } from './world.ts';

type Deps = {
  outbox: Outbox;
  world: World;
  log: Log;
  /** Null: not configured yet, so nothing is sent. */
  settings: () => Settings | null;
  onToken: (token: string) => void;
  /** Called after each answer that settled something. */
  onSettled: () => void;
};

/**
 * The states of the sender. Each state but `idle` and `sending` has a timer, and sends when it ends.
 *
 * | state         | waits for                               | next state                                                |
 * | ------------- | --------------------------------------- | --------------------------------------------------------- |
 * | `idle`        | `wake`: nothing to send, or no settings | `collecting`, `due` or `holding`, as the outbox says      |
 * | `collecting`  | more events to share the request        | `due`: a full batch, or a hurry; `sending`                |
 * | `holding`     | the time to declare losses again        | `collecting` or `due`: events came; `sending`             |
 * | `due`         | only for this turn of the event loop    | `sending`                                                 |
 * | `sending`     | the answer                              | `backing off`: it failed, or refused again and again;     |
 * |               |                                         | else `idle`, and on from there, as if woken               |
 * | `backing off` | the end of the backoff; ignores `wake`  | `sending`; in a hurry `idle`, and on as if woken          |
 *
 * From any state, `stop` leads to `idle`. Leaving a state ends its timer; the answer to a request is ignored if its state was
 * left.
 */
type State =
  | { is: 'idle' }
  | { is: 'collecting' | 'holding' | 'due' | 'backing off'; cancel: () => void }
  | { is: 'sending'; request: AbortController };
type Waiting = Extract<State, { cancel: () => void }>['is'];

/** If the API refuses this many single events in a row, the events are hardly to blame. */
const maxRefusalsAtOnce = 3;

const fates = { RECORDED: 'recorded', DUPLICATE: 'duplicate', REFUSED: 'refused' } as const;

/**
 * Sends what waits in the outbox, one request at a time and in order, and tries again until the API has accepted or refused it.
 */
export const makeSender = ({ outbox, world, log, settings, onToken, onSettled }: Deps) => {
  let state: State = { is: 'idle' };
  const clock = makeServiceClock(world.now);
  /** What the API's latest answers have shown. */
  const seen = {
    /** Failed requests since the last one that did not fail. */
    failures: 0,
    /** Those of them that make the backoff longer. */
    tries: 0,
    /** Requests with a single event that were refused since the last one that was answered. */
    refusals: 0,
    /** The last request was accepted, so now losses can be declared: once, not before each try. */
    isAccepting: false,
    /** How many events a request can have; less than the batch size after requests that took too long. */
    limit: Number.POSITIVE_INFINITY,
  };
  /** How many callers want everything sent now. */
  let hurried = 0;

  const enter = (next: State): void => {
    if ('cancel' in state) state.cancel();
    state = next;
  };
  const sendIn = (ms: number, is: Waiting): void => enter({ is, cancel: world.startTimer(ms, () => void send()) });

  /** Makes sure that waiting events are sent in time. Cheap: it runs for every event. */
  const wake = (): void => {
    const current = settings();
    if (!current || state.is === 'sending' || state.is === 'backing off' || state.is === 'due') return;
    const isStarted = outbox.hasBatchesToSettle();
    const lossDueInMs = outbox.lossDueInMs(world.now());
    if (!isStarted && !outbox.hasEvents() && lossDueInMs !== 0) {
      if (state.is === 'idle' && lossDueInMs !== null) sendIn(lossDueInMs, 'holding');
    } else if (isStarted || hurried > 0 || outbox.isBatchFull(Math.min(seen.limit, current.batchSize), maxEventsBytes)) {
      sendIn(0, 'due');
    } else if (state.is !== 'collecting') sendIn(current.flushIntervalMs, 'collecting');
  };

  const send = async (): Promise<void> => {
    enter({ is: 'idle' });
    const current = settings();
    if (!current) return;
    const batch = outbox.batch({
      maxEvents: Math.min(seen.limit, current.batchSize),
      maxBytes: maxEventsBytes,
      withLosses: seen.isAccepting || !outbox.hasEvents(),
      nowMs: world.now(),
    });
    if (!batch) return wake();
    const sending: State = { is: 'sending', request: new AbortController() };
    enter(sending);
    const sentAtMs = clock.now();
    const sent = batch.map((item) => ({ id: item.id, text: textAt(item, sentAtMs) }));
    const answer = await postBatch(sent, { settings: current, world, clock, onToken }, sending.request.signal);
    // The sender was stopped meanwhile, and the batch given up.
    if (state !== sending) return;
    enter({ is: 'idle' });
    take(answer, { batch, sentAtMs }, current);
  };

  type Attempt = { batch: readonly Item[]; sentAtMs: number };

  /** Whether an item was refused that would have been changed if the service's clock had been known as it is now. */
  const isClockToBlame = (answer: Answer, { batch, sentAtMs }: Attempt): boolean =>
    batch.some((item, index) => {
      const isRefused = answer.kind === 'refused' || (answer.kind === 'answered' && answer.results[index]?.status === 'REFUSED');
      return isRefused && textAt(item, sentAtMs) === item.text && textAt(item, clock.now()) !== item.text;
    });

  const take = (answer: Answer, attempt: Attempt, { batchSize, retryFirstMs, retryMaxMs }: Settings): void => {
    const { batch } = attempt;
    const backoffMs = (earlier: number) => Math.min(retryMaxMs, retryFirstMs * 2 ** earlier) * (0.5 + world.random() / 2);
    const when = { nowMs: world.now(), lossRetryMs: 2 * retryMaxMs };
    if (answer.kind === 'failed') {
      seen.failures++;
      seen.isAccepting = false;
      warnOfFailure(answer);
      // What is too much for one request may fit into two.
      if (answer.cause === 'size' && outbox.split()) seen.limit = Math.ceil(batch.length / 2);
      sendIn(Math.max(backoffMs(seen.tries++), answer.retryAfterMs), 'backing off');
      return;
    }
    if (seen.failures > 0) log.warnSometimes({ failures: seen.failures }, 'the audit API answers again');
    seen.failures = 0;
    seen.tries = 0;
    // Sends the whole batch again: events that were recorded are duplicates now.
    if (isClockToBlame(answer, attempt)) {
      wake();
      return;
    }
    if (answer.kind === 'refused') {
      if (!outbox.split()) {
        seen.refusals++;
        warnOfRefusals([{ item: batch[0], issues: answer.why }]);
        outbox.settle(['refused'], when);
      }
    } else {
      seen.isAccepting = true;
      seen.refusals = 0;
      seen.limit = Math.min(seen.limit * 2, batchSize);
      const results = answer.results.map((result, index) => ({ ...result, item: batch[index] }));
      warnOfRefusals(results.filter(({ status }) => status === 'REFUSED'));
      for (const { item, status } of results) if (status !== 'REFUSED') warnOfLoss(item);
      outbox.settle(
        answer.results.map(({ status }) => fates[status]),
        when,
      );
    }
    onSettled();
    if (seen.refusals >= maxRefusalsAtOnce) sendIn(backoffMs(seen.refusals - maxRefusalsAtOnce), 'backing off');
    else wake();
  };

  /** Writes at most one line per batch, with the first refused event and how many there were. */
  const warnOfRefusals = (refused: readonly { item: Item | undefined; issues: unknown }[]): void => {
    const events = refused.filter(({ item }) => !item?.loss);
    const [event] = events;
    const [loss] = refused.filter(({ item }) => item?.loss);
    if (event) {
      const { item, issues } = event;
      log.warnSometimes(
        { refused: events.length, eventId: item?.id, eventType: item?.type, issues },
        'the audit API refused events',
      );
    }
    if (loss) {
      const { item, issues } = loss;
      log.warnSometimes(
        { count: item?.loss?.count, issues },
        'the audit API refused a declaration of lost events: it is sent again',
      );
    }
  };
  const warnOfLoss = (item: Item | undefined): void => {
    if (item?.loss) log.warn({ count: item.loss.count, reason: item.loss.reason }, 'audit events were lost; the log says so');
  };
  const warnOfFailure = ({ cause, why }: Answer & { kind: 'failed' }): void => {
    const fields = { why, failures: seen.failures, queued: outbox.stats().queued };
    if (cause === 'credentials') log.warnSometimes(fields, 'the audit API does not accept the token: the events are sent again');
    else log.warnSometimes(fields, 'the audit API is not available: the events are sent again');
  };

  return {
    wake,
    /** Sends without waiting for more events or for the end of a backoff. Returns the function that ends the hurry. */
    hurry: (): (() => void) => {
      hurried++;
      seen.tries = 0;
      if (state.is !== 'sending') enter({ is: 'idle' });
      wake();
      return () => {
        hurried--;
      };
    },
    /** Aborts the current request and sends nothing until woken again. The API may have accepted what was sent. */
    stop: (): void => {
      if (state.is === 'sending') state.request.abort();
      enter({ is: 'idle' });
    },
  };
};
