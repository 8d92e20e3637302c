import { v7 as uuidv7 } from 'uuid';

/** What the client gets from the world; tests bring their own. */
export type World = {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Calls back once, after `ms`, unless the returned function was called before. A process that has nothing else to do ends
   * without waiting for it, unless it `keepsAlive`.
   */
  startTimer(ms: number, callback: () => void, options?: { keepsAlive?: boolean }): () => void;
  /** In [0, 1). */
  random(): number;
  /** A UUIDv7. */
  newId(): string;
};

export const realWorld: World = {
  now: Date.now,
  startTimer: (ms, callback, { keepsAlive = false } = {}) => {
    const timer = setTimeout(callback, ms);
    // Where timers are numbers, as in browsers, nothing waits for them anyway.
    if (!keepsAlive && typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
  newId: () => uuidv7(),
};
