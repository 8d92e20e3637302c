import type { LogEvent } from './api.ts';

/** The events of the live feed so far, and a way to wait for more. */
export type Feed = {
  received: readonly LogEvent[];
  /** Resolves with true when the condition holds, or with false after `timeoutMs`. Rejects if the feed breaks. */
  until(condition: () => boolean, timeoutMs: number): Promise<boolean>;
};

/** Reads the whole feed in the background. */
export const collect = (events: AsyncIterable<LogEvent>, onEvent: (event: LogEvent) => void): Feed => {
  const received: LogEvent[] = [];
  let look = () => {};
  const reading = (async () => {
    for await (const event of events) {
      received.push(event);
      onEvent(event);
      look();
    }
  })();
  // `until` reports the error. Without this line, an error while nobody waits would end the process.
  reading.catch(() => {});
  return {
    received,
    until: (condition, timeoutMs) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => resolve(false), timeoutMs);
        const end = (settle: () => void) => {
          clearTimeout(timer);
          settle();
        };
        look = () => {
          if (condition()) end(() => resolve(true));
        };
        reading.then(
          () => end(() => resolve(condition())),
          (error) => end(() => reject(error)),
        );
        look();
      }),
  };
};
