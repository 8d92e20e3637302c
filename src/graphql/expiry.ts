import type { Identity } from '../access/model/actor.ts';
import type { WatchKey } from '../access/model/authenticator.ts';
import type { Clock } from '../kernel/clock.ts';

/** The longest wait of Node's timers, in milliseconds. Timers with longer waits fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** Calls back when an instant has come, but never before this function returns. Returns a function that cancels the call. */
export const onceAfter = (instant: Date, clock: Clock, callback: () => void): (() => void) => {
  const remainingMs = () => Math.max(instant.getTime() - clock.now().getTime(), 0);
  const tick = () => {
    if (remainingMs() === 0) callback();
    else timer = setTimeout(tick, Math.min(remainingMs(), longestTimerMs));
  };
  let timer = setTimeout(tick, Math.min(remainingMs(), longestTimerMs));
  return () => clearTimeout(timer);
};

/**
 * Calls back when an identity stops being valid: its token or key has expired, or its key was revoked. Returns a function that
 * cancels the call.
 */
export const onceInvalid = (
  { expiresAt, apiKeyId }: Pick<Identity, 'expiresAt' | 'apiKeyId'>,
  { clock, watchKey }: { clock: Clock; watchKey: WatchKey },
  callback: (reason: 'expired' | 'revoked') => void,
): (() => void) => {
  const callOffExpiry = expiresAt && onceAfter(expiresAt, clock, () => callback('expired'));
  const callOffWatch = apiKeyId === null ? null : watchKey(apiKeyId, () => callback('revoked'));
  return () => {
    callOffExpiry?.();
    callOffWatch?.();
  };
};

/**
 * The same iterable, but it ends when `waitFor` calls back, even while its consumer waits for the next item. If the callback is
 * given an item, that item comes last.
 */
export const endedBy = <Item>(
  items: AsyncIterable<Item>,
  waitFor: (end: (last?: Item) => void) => () => void,
): AsyncIterableIterator<Item> => {
  const iterator = items[Symbol.asyncIterator]();
  const end = () => iterator.return?.() ?? Promise.resolve<IteratorResult<Item>>({ done: true, value: undefined });
  let lastItem: Item | undefined;
  const callOff = waitFor((last) => {
    lastItem = last;
    void end();
  });
  const ended: AsyncIterableIterator<Item> = {
    [Symbol.asyncIterator]: () => ended,
    next: async () => {
      const item = await iterator.next().catch((error) => {
        callOff();
        throw error;
      });
      if (!item.done) return item;
      callOff();
      const value = lastItem;
      lastItem = undefined;
      return value === undefined ? item : { done: false, value };
    },
    return: () => {
      callOff();
      return end();
    },
  };
  return ended;
};
