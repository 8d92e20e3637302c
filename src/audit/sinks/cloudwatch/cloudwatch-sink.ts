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

/** Errors that mean that the input itself is refused, however often it is sent. */
const refusals = new Set(['InvalidParameterException', 'ValidationException', 'SerializationException']);
const isRefusal = (error: unknown): boolean => error instanceof Error && refusals.has(error.name);

/**
 * Ships entries to a stream of CloudWatch Logs, one JSON object per event. An event that is too old is sent with the current
 * timestamp, and with the original one in its body. One that is too new waits. One that is too long is cut, and marked. A refused
 * batch is halved until the event at fault is found, and only the essentials of that event are sent. Any other error is thrown,
 * so that the runner tries again.
 */
export const makeCloudWatchSink = ({ client, logGroup, logStream, clock, logger, name = 'cloudwatch' }: Deps): EventSink => {
  const put = makePutLogEvents({ client, logGroup, logStream, logger });
  // Positions that CloudWatch accepted although an earlier one was rejected. They are never sent again, even if the delivery
  // fails later.
  const accepted = new Set<number>();
  const tooOld = new Set<number>();
  const refused = new Set<number>();

  /** Sends one batch. Resolves to the first position that is too new, or Infinity. */
  const send = async (batch: readonly PlannedEvent[], signal: AbortSignal): Promise<number> => {
    const { acceptedFrom, acceptedTo } = readRejections(await put(batch, signal), batch.length);
    for (const { position } of batch.slice(acceptedFrom, acceptedTo)) accepted.add(position);
    const rejected = batch.slice(0, acceptedFrom);
    for (const { position } of rejected) tooOld.add(position);
    const stuck = rejected.find(({ resent }) => resent);
    if (stuck) throw new Error(`CloudWatch rejects position ${stuck.position} as too old, even with the current timestamp`);
    if (rejected.length > 0)
      logger.warn(
        { from: rejected[0]?.position, count: rejected.length },
        'events were too old for CloudWatch: sent again with the current timestamp',
      );
    return batch[acceptedTo]?.position ?? Number.POSITIVE_INFINITY;
  };

  /** After a refusal: the largest batch to try next. Throws if nothing is left to try. */
  const narrow = (batch: readonly PlannedEvent[], error: unknown): number => {
    const [event] = batch;
    if (!event || batch.length > 1) return Math.ceil(batch.length / 2);
    // Next time the whole event is tried again, because the cause may be elsewhere, for example in the name of the log group.
    if (refused.delete(event.position)) throw error;
    refused.add(event.position);
    logger.error({ position: event.position, error: String(error) }, 'CloudWatch refuses an event: only its essentials are sent');
    return 1;
  };

  return {
    name,
    // About one call's worth of events of 1 kB.
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
