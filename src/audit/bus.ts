import { EventEmitter } from 'node:events';

/** `outbox`: a transaction with events was committed. `log`: the log has new entries. */
export type Topic = 'outbox' | 'log';

/** Carries wake-ups to the other processes on the same database. Both calls are best effort: everybody polls as well. */
export type RemoteBus = {
  publish(topic: Topic): void;
  onWake(listener: (topic: Topic) => void): void;
};

/**
 * Wake-ups, never payloads: a notification is a hint that there is something to read, and whoever hears it reads the
 * database from a cursor of its own. So wake-ups may be lost, doubled or merged without harm.
 */
export type Bus = {
  wake(topic: Topic): void;
  /** Returns the function that ends the listening. */
  on(topic: Topic, listener: () => void): () => void;
};

export const makeBus = (remote?: RemoteBus): Bus => {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  remote?.onWake((topic) => emitter.emit(topic));
  return {
    wake: (topic) => {
      emitter.emit(topic);
      remote?.publish(topic);
    },
    on: (topic, listener) => {
      emitter.on(topic, listener);
      return () => emitter.off(topic, listener);
    },
  };
};
