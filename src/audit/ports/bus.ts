/** `outbox`: a transaction with events was committed. `log`: the log has new entries. */
export type Topic = 'outbox' | 'log';

/**
 * Carries wake-ups, never payloads. A notification only hints that there is something to read; whoever hears it reads the
 * database from a cursor of its own. Wake-ups can therefore be lost, doubled or merged without harm.
 */
export type Bus = {
  wake(topic: Topic): void;
  /** Returns the function that stops listening. */
  on(topic: Topic, listener: () => void): () => void;
};

/** Carries wake-ups to the other processes on the same database. Both calls are best effort, because every process polls, too. */
export type RemoteBus = {
  publish(topic: Topic): void;
  onWake(listener: (topic: Topic) => void): void;
};
