import type { LogEvent } from './api.ts';

/** Everything that came over the live feed so far, and a way to wait for more. */
export type Feed = {
  received: readonly LogEvent[];
  /** Resolves when the condition holds, at the latest after `timeoutMs`: then with false. Rejects where the feed broke. */
  until(condition: () => boolean, timeoutMs: number): Promise<boolean>;
};

/** Reads the feed to its end in the background. */
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
  // Whoever waits hears of it; without this line a feed that breaks while nobody waits would end the process.
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
