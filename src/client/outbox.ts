import { utf8Bytes } from './audit-event.ts';
import { earliestMs, type Loss, makeLosses, toLossEvent } from './losses.ts';

/** An event in JSON, or the declaration of a loss. `atMs`: when the outbox took it. */
export type Item = { id: string; type: string; text: string; atMs: number; occurredAtMs: number; loss?: Loss };

/** What became of an item. */
export type Fate = 'recorded' | 'duplicate' | 'refused';

type Bounds = { maxQueued: number; maxQueuedChars: number };

/** The events that wait, the losses, and the counts of both. It knows nothing about requests. */
export const makeOutbox = ({ newId }: { newId: () => string }) => {
  let queue: Item[] = [];
  let queuedChars = 0;
  /** Batches that were taken from the queue. They must be settled, in this order, before further events are taken. */
  let batches: Item[][] = [];
  const losses = makeLosses({ newId });
  const counts = { sent: 0, duplicates: 0, refused: 0, dropped: 0, declaredLost: 0 };
  /** Events that were added, and how many of them are settled: they are settled in order. */
  let taken = 0;
  let settled = 0;

  const lose = (reason: string, atMs: number): void => losses.add(reason, 1, atMs);
  const settle = (item: Item, fate: Fate, { nowMs, lossRetryMs }: { nowMs: number; lossRetryMs: number }): void => {
    if (item.loss) {
      if (fate === 'refused') losses.hold(item.loss, nowMs + lossRetryMs);
      else counts.declaredLost += item.loss.count;
      return;
    }
    settled++;
    queuedChars -= item.text.length;
    if (fate === 'refused') {
      counts.refused++;
      lose('client_event_refused', item.atMs);
    } else {
      counts.sent++;
      if (fate === 'duplicate') counts.duplicates++;
    }
  };

  return {
    /** Returns false if there is no room; the event is then counted as lost. */
    add: (item: Item, { maxQueued, maxQueuedChars }: Bounds): boolean => {
      if (taken - settled >= maxQueued || queuedChars + item.text.length > maxQueuedChars) {
        counts.dropped++;
        lose('client_queue_full', item.atMs);
        return false;
      }
      queue.push(item);
      queuedChars += item.text.length;
      taken++;
      return true;
    },
    /**
     * Counts an event that never reached the queue. Without a reason, it is not declared, because the log can no longer be told.
     */
    drop: (atMs: number, reason?: string): void => {
      counts.dropped++;
      if (reason) lose(reason, atMs);
    },
    /**
     * The batch to send now: the one that is not yet settled, or a new one with losses first. Null if there is nothing to send.
     */
    batch: (options: { maxEvents: number; maxBytes: number; withLosses: boolean; nowMs: number }): Item[] | null => {
      if (batches[0]) return batches[0];
      const lost = options.withLosses ? losses.take(options.nowMs).map(toItem) : [];
      const count = countThatFit(queue, options.maxEvents - lost.length, options.maxBytes - bytesOf(lost));
      const batch = [...lost, ...queue.splice(0, count)];
      if (batch.length === 0) return null;
      batches = [batch];
      return batch;
    },
    /** Splits the batch into two halves. Returns false if it is a single event. */
    split: (): boolean => {
      const [batch = [], ...rest] = batches;
      if (batch.length < 2) return false;
      const middle = Math.ceil(batch.length / 2);
      batches = [batch.slice(0, middle), batch.slice(middle), ...rest];
      return true;
    },
    /** Settles the batch: one fate for each of its items. A loss that was refused comes again after `lossRetryMs`. */
    settle: (fates: readonly Fate[], when: { nowMs: number; lossRetryMs: number }): void => {
      const [batch = [], ...rest] = batches;
      batches = rest;
      batch.forEach((item, index) => {
        settle(item, fates[index] ?? 'refused', when);
      });
    },
    /** Gives up everything that waits. Returns how many events, and how many lost ones that the log was not told about. */
    abandon: (): { events: number; undeclaredLosses: number } => {
      const events = taken - settled;
      const undeclaredLosses = losses.count() + batches.flat().reduce((sum, { loss }) => sum + (loss?.count ?? 0), 0);
      counts.dropped += events;
      settled = taken;
      queue = [];
      batches = [];
      queuedChars = 0;
      losses.clear();
      return { events, undeclaredLosses };
    },
    hasBatchesToSettle: (): boolean => batches.length > 0,
    hasEvents: (): boolean => taken > settled,
    isBatchFull: (maxEvents: number, maxBytes: number): boolean => queue.length >= maxEvents || queuedChars >= maxBytes,
    lossDueInMs: (nowMs: number): number | null => losses.dueInMs(nowMs),
    hasLosses: (): boolean => losses.count() > 0 || batches.some((batch) => batch.some(({ loss }) => loss)),
    /** A mark for `isSettled`: everything that was added so far. */
    mark: (): number => taken,
    isSettled: (mark: number): boolean => settled >= mark,
    stats: () => ({ queued: taken - settled, ...counts }),
  };
};
export type Outbox = ReturnType<typeof makeOutbox>;

const toItem = (loss: Loss): Item => ({
  id: loss.id,
  type: 'audit.loss',
  text: toLossEvent(loss, Number.POSITIVE_INFINITY),
  atMs: loss.untilMs,
  occurredAtMs: loss.untilMs,
  loss,
});

/** The API refuses events that are five minutes ahead of its clock, which is known to within a minute. */
const maxAheadMs = 4 * 60_000;

/**
 * An item as it is sent at `nowMs` by the service's clock. An instant that lies in that clock's future, because of a wrong clock
 * here or a mistake of the application, becomes now; so does one that was taken by a clock that was not set yet. Otherwise
 * returns `text` unchanged.
 */
export const textAt = ({ text, atMs, occurredAtMs, loss }: Item, nowMs: number): string => {
  if (loss) return toLossEvent(loss, nowMs);
  const isOfUnsetClock = occurredAtMs === atMs && atMs < earliestMs && nowMs >= earliestMs;
  if (!isOfUnsetClock && occurredAtMs - nowMs <= maxAheadMs) return text;
  // The first match is the event's own field: inside a text, the quotes would be escaped.
  const said = (ms: number) => `"occurredAt":"${new Date(ms).toISOString()}"`;
  return text.replace(said(occurredAtMs), said(nowMs));
};

const bytesOf = (items: readonly Item[]): number => items.reduce((sum, { text }) => sum + utf8Bytes(text) + 1, 0);

/** How many of the first items fit into a request. At least one does, because items that are too large are not added. */
const countThatFit = (items: readonly Item[], maxEvents: number, maxBytes: number): number => {
  let count = 0;
  let bytes = 0;
  for (const { text } of items) {
    bytes += utf8Bytes(text) + 1;
    if (count >= maxEvents || bytes > maxBytes) break;
    count++;
  }
  return count;
};
