import { type LogEntry, toWire } from '../../model/audit-event.ts';
import { fitMessage, reduceMessage } from './fit-message.ts';
import { eventOverheadBytes, maxAgeMs, maxAheadMs, maxBatchBytes, maxBatchEvents, maxMessageBytes, maxSpanMs } from './limits.ts';

/** One event of a PutLogEvents call. */
export type PlannedEvent = {
  position: number;
  /** Epoch milliseconds: when the entry was sealed, or now if it is resent. */
  timestamp: number;
  message: string;
  /** Whether the event carries the current timestamp because its own is too old. */
  resent: boolean;
};

export type PlanOptions = {
  now: Date;
  /** At most this many events. */
  maxEvents?: number;
  /** Positions that CloudWatch rejected as too old. */
  tooOld?: ReadonlySet<number>;
  /** Positions of events that CloudWatch refuses as a whole. */
  refused?: ReadonlySet<number>;
};

/** An event that is about to become too old is resent at once, because requests take time and clocks differ. */
const ageMarginMs = 60_000;

/**
 * The next call: as many of the first entries as one call can hold, within every limit of PutLogEvents. Empty if the first entry
 * is too new and has to wait. Entries are in order of position, so their sealing times never go back. A resent entry has a later
 * timestamp than those after it, which therefore go into another call.
 */
export const planBatch = (entries: Iterable<LogEntry>, options: PlanOptions): PlannedEvent[] => {
  const { now, maxEvents = maxBatchEvents, tooOld, refused } = options;
  const limit = Math.min(maxEvents, maxBatchEvents);
  const batch: PlannedEvent[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const { position } = entry;
    const sealedAtMs = entry.sealedAt.getTime();
    const resent = tooOld?.has(position) || sealedAtMs < now.getTime() - maxAgeMs + ageMarginMs;
    const timestamp = resent ? now.getTime() : sealedAtMs;
    if (timestamp > now.getTime() + maxAheadMs) break;
    const [first, last] = [batch[0], batch.at(-1)];
    if (first && last && (batch.length >= limit || timestamp < last.timestamp || timestamp - first.timestamp > maxSpanMs)) break;

    const message = toMessage(entry, { resentAt: resent ? now : null, reduced: refused?.has(position) ?? false });
    bytes += Buffer.byteLength(message, 'utf8') + eventOverheadBytes;
    if (first && bytes > maxBatchBytes) break;
    batch.push({ position, timestamp, message, resent });
  }
  return batch;
};

const toMessage = (entry: LogEntry, { resentAt, reduced }: { resentAt: Date | null; reduced: boolean }): string => {
  const resend = resentAt && { originalTimestamp: entry.sealedAt.toISOString(), resentAt: resentAt.toISOString() };
  const event = { ...toWire(entry), ...resend };
  return reduced ? reduceMessage(event) : fitMessage(event, maxMessageBytes);
};
