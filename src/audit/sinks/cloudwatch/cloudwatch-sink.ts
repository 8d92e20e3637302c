import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { Logger } from 'pino';
import type { Clock } from '../../../kernel/clock.ts';
import type { EventSink } from '../../ports/event-sink.ts';
import { maxBatchEvents } from './limits.ts';
import { type PlannedEvent, planBatch } from './plan-batch.ts';
import { makePutLogEvents } from './put-log-events.ts';
import { readRejections } from './rejections.ts';

type Deps = {
  client: CloudWatchLogsClient;
  logGroup: string;
  logStream: string;
  clock: Clock;
  logger: Logger;
  name?: string;
};

/** Errors that say: not this input, however often it comes. */
const refusals = new Set(['InvalidParameterException', 'ValidationException', 'SerializationException']);
const isRefusal = (error: unknown): boolean => error instanceof Error && refusals.has(error.name);

/**
 * Ships entries to a stream of CloudWatch Logs, one JSON object an event. Too old → sent with the current timestamp and
 * the original in the body; too new → waits; too long → cut, with a mark. A refused batch is halved until the event at
 * fault is found, and of that the essentials are sent. Every other error throws, for the runner to try again.
 */
export const makeCloudWatchSink = ({ client, logGroup, logStream, clock, logger, name = 'cloudwatch' }: Deps): EventSink => {
  const put = makePutLogEvents({ client, logGroup, logStream, logger });
  // Accepted, though something before it was not: never sent again, even where the delivery then fails.
  const accepted = new Set<number>();
  const tooOld = new Set<number>();
  const refused = new Set<number>();

  /** Sends one batch; resolves to the position from which on events are too new, or Infinity. */
  const send = async (batch: readonly PlannedEvent[], signal: AbortSignal): Promise<number> => {
    const { acceptedFrom, acceptedTo } = readRejections(await put(batch, signal), batch.length);
    for (const { position } of batch.slice(acceptedFrom, acceptedTo)) accepted.add(position);
    const rejected = batch.slice(0, acceptedFrom);
    for (const { position } of rejected) tooOld.add(position);
    const stuck = rejected.find(({ resent }) => resent);
    if (stuck) throw new Error(`CloudWatch rejects position ${stuck.position} as too old, even with the current timestamp`);
    if (rejected.length > 0)
      logger.warn({ from: rejected[0]?.position, count: rejected.length }, 'events too old for CloudWatch: sent again as of now');
    return batch[acceptedTo]?.position ?? Number.POSITIVE_INFINITY;
  };

  /** After a refusal: the largest batch to try next. Throws where nothing is left to try. */
  const narrow = (batch: readonly PlannedEvent[], error: unknown): number => {
    const [event] = batch;
    if (!event || batch.length > 1) return Math.ceil(batch.length / 2);
    // Tried whole again next time: the fault may be elsewhere, for example in the name of the log group.
    if (refused.delete(event.position)) throw error;
    refused.add(event.position);
    logger.error({ position: event.position, error: String(error) }, 'CloudWatch refuses an event: only its essentials are sent');
    return 1;
  };

  return {
    name,
    // With events of about 1 kB, one call's worth.
    maxBatch: 1000,
    deliver: async (entries, signal) => {
      const start = entries[0]?.position ?? 0;
      for (const positions of [accepted, tooOld, refused])
        for (const position of positions) if (position < start) positions.delete(position);

      const countDone = () => {
        const firstOpen = entries.findIndex(({ position }) => !accepted.has(position));
        return firstOpen < 0 ? entries.length : firstOpen;
      };
      let maxEvents = maxBatchEvents;
      let tooNewFrom = Number.POSITIVE_INFINITY;
      try {
        for (;;) {
          signal.throwIfAborted();
          const open = entries.filter(({ position }) => position < tooNewFrom && !accepted.has(position));
          const batch = planBatch(open, { now: clock.now(), maxEvents, tooOld, refused });
          if (batch.length === 0) return countDone();
          try {
            tooNewFrom = Math.min(tooNewFrom, await send(batch, signal));
            maxEvents *= 2;
          } catch (error) {
            if (!isRefusal(error)) throw error;
            maxEvents = narrow(batch, error);
          }
        }
      } catch (error) {
        const done = countDone();
        if (done === 0) throw error;
        return done;
      }
    },
    close: async () => client.destroy(),
  };
};
