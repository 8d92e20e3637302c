/** `outbox`: a transaction with events was committed. `log`: the log has new entries. */
export type Topic = 'outbox' | 'log';

/**
 * Wake-ups, never payloads: a notification is a hint that there is something to read, and whoever hears it reads the
 * database from a cursor of its own. So wake-ups may be lost, doubled or merged without harm.
 */
export type Bus = {
  wake(topic: Topic): void;
  /** Returns the function that ends the listening. */
  on(topic: Topic, listener: () => void): () => void;
};

/** Carries wake-ups to the other processes on the same database. Both calls are best effort: everybody polls as well. */
export type RemoteBus = {
  publish(topic: Topic): void;
  onWake(listener: (topic: Topic) => void): void;
};
