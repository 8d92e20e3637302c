/**
 * Runs the work in one transaction, with the events that it logs: all of it is committed, or nothing. The work may run more
 * than once (a deadlock, an audit function that fails), so it must have no effect outside of its transaction.
 *
 * `Transaction` is what the work reaches; each wing names what its own commands need of it.
 */
export type InTransaction<Transaction> = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;
