/**
 * Decides where a process's new events go: to the outbox, or to the spool, behind those that wait there already. All code that
 * records events asks the same gate.
 */
export type OutboxGate = {
  /** Whether these entries can go to the outbox. Costs no I/O. */
  admits(entries: readonly string[]): boolean;
  /** Says that the outbox did not take admitted events. From now on, events are spooled without asking the outbox. */
  close(): void;
  /**
   * Stores entries durably in the spool, with the id of the transaction that they record, or null if they happened whatever
   * becomes of any transaction. What the spool cannot hold is counted as lost, and logged. Never throws.
   */
  spool(entries: readonly string[], transactionId: string | null): void;
};
