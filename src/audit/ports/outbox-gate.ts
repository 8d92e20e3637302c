/**
 * Decides, for one process, where its new events go: to the outbox, or to the spool, behind those that wait there already.
 * Everything that records events asks the same gate.
 */
export type OutboxGate = {
  /** Whether these entries may go to the outbox. Costs no I/O. */
  admits(entries: readonly string[]): boolean;
  /** The outbox did not take events that were admitted. From now on, events are spooled without asking it. */
  close(): void;
  /**
   * Stores entries in the spool, durably, under the transaction that they record; null: they happened whatever any
   * transaction does. What the spool cannot hold is counted as lost and logged. Never throws.
   */
  spool(entries: readonly string[], transactionId: string | null): void;
};
