import { v7 as uuidv7 } from 'uuid';

/** What the client gets from outside; tests bring their own. */
export type World = {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Calls back once, after `ms`, unless the returned function is called first. The timer does not keep the process alive unless
   * `keepsAlive` is set.
   */
  startTimer(ms: number, callback: () => void, options?: { keepsAlive?: boolean }): () => void;
  /** A number in [0, 1). */
  random(): number;
  /** A UUIDv7. */
  newId(): string;
};

export const realWorld: World = {
  now: Date.now,
  startTimer: (ms, callback, { keepsAlive = false } = {}) => {
    const timer = setTimeout(callback, ms);
    // In browsers timers are numbers, and keep nothing alive.
    if (!keepsAlive && typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
  newId: () => uuidv7(),
};
