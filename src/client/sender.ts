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
  /** Null: not configured yet, nothing is sent. */
  settings: () => Settings | null;
  onToken: (token: string) => void;
  /** Called after each answer that settled something. */
  onSettled: () => void;
};

/** For more events to share the request, the end of a backoff, losses that the API would not hear of; or for nothing. */
type Wait = 'others' | 'retry' | 'losses' | 'nothing';

/** So many single events that the API refuses one after the other are hardly the fault of the events. */
const maxRefusalsAtOnce = 3;

const fates = { RECORDED: 'recorded', DUPLICATE: 'duplicate', REFUSED: 'refused' } as const;

/** Sends what waits in the outbox: one request at a time, in order, again and again until the API has taken or refused it. */
export const makeSender = ({ outbox, world, log, settings, onToken, onSettled }: Deps) => {
  /** The timer for the next request, and why it waits; null while a request is under way, or nothing is to be sent. */
  let wait: { isFor: Wait; cancel: () => void } | null = null;
  const clock = makeServiceClock(world.now);
  let request: AbortController | null = null;
  /** Requests that failed since the last one that did not. */
  let failures = 0;
  /** Those of them that make the backoff longer. */
  let tries = 0;
  /** Requests with a single event, refused since the last one that was answered. */
  let refusals = 0;
  /** The last request was taken, so this is a time to declare what was lost meanwhile: once, not before each try. */
  let isAccepting = false;
  /** Events in a request at most; less than the batch size after requests that took too long. */
  let limit = Number.POSITIVE_INFINITY;
  let hurried = 0;

  const sendIn = (ms: number, isFor: Wait): void => {
    wait?.cancel();
    wait = { isFor, cancel: world.startTimer(ms, () => void send()) };
  };

  /** Makes sure that what waits is sent in time. Cheap: it runs with every event. */
  const wake = (): void => {
    const current = settings();
    if (!current || request || wait?.isFor === 'retry' || wait?.isFor === 'nothing') return;
    const isStarted = outbox.hasBatchesToSettle();
    const lossDueInMs = outbox.lossDueInMs(world.now());
    if (!isStarted && !outbox.hasEvents() && lossDueInMs !== 0) {
      if (!wait && lossDueInMs !== null) sendIn(lossDueInMs, 'losses');
    } else if (isStarted || hurried > 0 || outbox.isBatchFull(Math.min(limit, current.batchSize), maxEventsBytes)) {
      sendIn(0, 'nothing');
    } else if (wait?.isFor !== 'others') sendIn(current.flushIntervalMs, 'others');
  };

  const send = async (): Promise<void> => {
    wait = null;
    const current = settings();
    if (!current) return;
    const batch = outbox.batch({
      maxEvents: Math.min(limit, current.batchSize),
      maxBytes: maxEventsBytes,
      withLosses: isAccepting || !outbox.hasEvents(),
      nowMs: world.now(),
    });
    if (!batch) return wake();
    const own = new AbortController();
    request = own;
    const sentAtMs = clock.now();
    const sent = batch.map((item) => ({ id: item.id, text: textAt(item, sentAtMs) }));
    const answer = await postBatch(sent, { settings: current, world, clock, onToken }, own.signal);
    // Stopped meanwhile: the batch was given up.
    if (request !== own) return;
    request = null;
    take(answer, { batch, sentAtMs }, current);
  };

  type Attempt = { batch: readonly Item[]; sentAtMs: number };

  /** An item was sent as it is, and is refused; by what the service's clock is known to say now, it would have been changed. */
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
      failures++;
      isAccepting = false;
      warnOfFailure(answer);
      // What is too much for one request may still fit into two.
      if (answer.cause === 'size' && outbox.split()) limit = Math.ceil(batch.length / 2);
      sendIn(Math.max(backoffMs(tries++), answer.retryAfterMs), 'retry');
      return;
    }
    if (failures > 0) log.warnSometimes({ failures }, 'the audit API answers again');
    failures = 0;
    tries = 0;
    // Once more, as a whole: what was recorded is a duplicate now.
    if (isClockToBlame(answer, attempt)) {
      wake();
      return;
    }
    if (answer.kind === 'refused') {
      if (!outbox.split()) {
        refusals++;
        warnOfRefusals([{ item: batch[0], issues: answer.why }]);
        outbox.settle(['refused'], when);
      }
    } else {
      isAccepting = true;
      refusals = 0;
      limit = Math.min(limit * 2, batchSize);
      const results = answer.results.map((result, index) => ({ ...result, item: batch[index] }));
      warnOfRefusals(results.filter(({ status }) => status === 'REFUSED'));
      for (const { item, status } of results) if (status !== 'REFUSED') warnOfLoss(item);
      outbox.settle(
        answer.results.map(({ status }) => fates[status]),
        when,
      );
    }
    onSettled();
    if (refusals >= maxRefusalsAtOnce) sendIn(backoffMs(refusals - maxRefusalsAtOnce), 'retry');
    else wake();
  };

  /** One line for a batch at most, with the first event that was refused and how many there were. */
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
      log.warnSometimes({ count: item?.loss?.count, issues }, 'the audit API refused to hear of lost events: asked again');
    }
  };
  const warnOfLoss = (item: Item | undefined): void => {
    if (item?.loss) log.warn({ count: item.loss.count, reason: item.loss.reason }, 'audit events were lost; the log says so');
  };
  const warnOfFailure = ({ cause, why }: Answer & { kind: 'failed' }): void => {
    const fields = { why, failures, queued: outbox.stats().queued };
    if (cause === 'credentials') log.warnSometimes(fields, 'the audit API does not accept the token: tried again');
    else log.warnSometimes(fields, 'the audit API is out of reach: tried again');
  };

  return {
    wake,
    /** Sends without waiting for more events, nor for the end of a backoff; returns what ends the hurry. */
    hurry: (): (() => void) => {
      hurried++;
      tries = 0;
      wait?.cancel();
      wait = null;
      wake();
      return () => {
        hurried--;
      };
    },
    /** Ends the request under way and sends nothing until woken again. What was sent may have been taken. */
    stop: (): void => {
      wait?.cancel();
      wait = null;
      request?.abort();
      request = null;
    },
  };
};
