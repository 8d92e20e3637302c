import type { Clock } from '../ports/clock.ts';

/** Longer waits overflow Node's timers, which would then fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Calls back when an instant has come, never before this call returns. Returns the way to call it off. */
export const onceAfter = (instant: Date, clock: Clock, callback: () => void): (() => void) => {
  const remainingMs = () => Math.max(instant.getTime() - clock.now().getTime(), 0);
  const tick = () => {
    if (remainingMs() === 0) callback();
    else timer = setTimeout(tick, Math.min(remainingMs(), longestTimerMs));
  };
  let timer = setTimeout(tick, Math.min(remainingMs(), longestTimerMs));
  return () => clearTimeout(timer);
};

/** The same iterable, ended at an instant, also while its next item is being waited for. */
export const endedAt = <Item>(items: AsyncIterable<Item>, instant: Date, clock: Clock): AsyncIterableIterator<Item> => {
  const iterator = items[Symbol.asyncIterator]();
  const end = () => iterator.return?.() ?? Promise.resolve<IteratorResult<Item>>({ done: true, value: undefined });
  const callOff = onceAfter(instant, clock, () => void end());
  const ended: AsyncIterableIterator<Item> = {
    [Symbol.asyncIterator]: () => ended,
    next: async () => {
      const item = await iterator.next();
      if (item.done) callOff();
      return item;
    },
    return: () => {
      callOff();
      return end();
    },
  };
  return ended;
};
