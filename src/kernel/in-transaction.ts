/**
 * Runs `work` in one transaction, together with the events that it logs: all of it is committed, or none. `work` can run more
 * than once (after a deadlock, or when the audit function fails), so it must have no effect outside its transaction.
 *
 * `Transaction` is what `work` can reach; each wing declares what its own commands need.
 */
export type InTransaction<Transaction> = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
