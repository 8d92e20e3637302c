import type { Caller } from '../../access/model/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { checkPruning, logPruned, type PruningPlan, PruningRefusedError, tileWidth } from '../model/log-pruned.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { Pruning, PruningTransaction } from '../ports/pruning.ts';

type Deps = {
  inTransaction: InTransaction<PruningTransaction>;
  pruning: Pruning;
  log: Pick<AuditLog, 'list'>;
  /** Moves what is in the outbox into the log. */
  sequence: () => Promise<void>;
  pause: () => Promise<void>;
  clock: Clock;
};

type PruneLog = { before: Date; dryRun: boolean; skippedSinks: readonly string[] };

/** What was removed; `isDone` is false if rows of pruned entries are left, because the command was interrupted. */
export type PrunedLog = PruningPlan & { isDone: boolean };

/** How many rows go in one transaction. */
const chunk = 10 * tileWidth;
const longestWaits = 50;

/**
 * Removes the entries of whole tiles that were sealed before an instant. The declaration enters the log first, and readers leave
 * the entries out from then on; their rows follow in chunks. A later run removes what an interrupted one left. Throws a
 * PruningRefusedError.
 */
export const makePruneLog = ({ inTransaction, pruning, log, sequence, pause, clock }: Deps) => {
  const declaredTo = async () => {
    const [latest] = await log.list({ types: ['log.pruned'] }, { limit: 1, inverted: true });
    return Number(latest?.event.metadata.prunedTo ?? 0);
  };
  /** Whoever verifies the log accepts gaps only where the log declares them. */
  const untilDeclared = async (to: number) => {
    for (let waits = 0; (await declaredTo()) < to; waits++) {
      if (waits === longestWaits)
        throw new PruningRefusedError('the log has not taken the event log.pruned yet, so no row was removed: try again later');
      await sequence();
      if (waits > 0) await pause();
    }
  };

  return async (
    caller: Caller,
    { before, dryRun, skippedSinks }: PruneLog,
    { onProgress, signal }: { onProgress: (done: number, total: number) => Promise<void> | void; signal: AbortSignal },
  ): Promise<PrunedLog> => {
    const { size, prunedTo } = await pruning.extent();
    const last = await findLastBefore(before, { from: prunedTo, to: size, sealedAt: pruning.sealedAt });
    const plan = { before, from: prunedTo, to: Math.max(prunedTo, last - (last % tileWidth)) };
    const sinks = (await pruning.sinks()).filter(({ name }) => !skippedSinks.includes(name));
    checkPruning(plan, {
      sinks: plan.to > prunedTo ? sinks : [],
      coveredTo: plan.to > prunedTo ? await pruning.coveredTo() : plan.to,
      now: clock.now(),
    });
    if (dryRun) return { ...plan, isDone: true };

    await inTransaction(async ({ pruneTo, audit }) => {
      if (plan.to > prunedTo && (await pruneTo(plan.to))) audit.logEvent(logPruned(caller, plan));
    });
    await sequence();
    // An earlier run may have left its declaration in the spool of a machine that is gone.
    if (plan.to > 0 && plan.to === prunedTo && (await declaredTo()) < plan.to)
      await inTransaction(async ({ audit }) => void audit.logEvent(logPruned(caller, plan)));
    const first = (await pruning.firstPosition()) ?? size + 1;
    if (first > plan.to) return { ...plan, isDone: true };
    await untilDeclared(plan.to);
    let next = first;
    while (next <= plan.to && !signal.aborted) {
      const end = Math.min(next + chunk - 1, plan.to);
      await pruning.remove(next, end);
      next = end + 1;
      await onProgress(end - first + 1, plan.to - first + 1);
    }
    return { ...plan, isDone: next > plan.to };
  };
};

/** The last position that was sealed before an instant, after `from`; `from` if there is none. Later entries were sealed later. */
const findLastBefore = async (
  before: Date,
  { from, to, sealedAt }: { from: number; to: number; sealedAt: Pruning['sealedAt'] },
): Promise<number> => {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const sealed = await sealedAt(middle);
    if (sealed !== null && sealed < before) low = middle;
    else high = middle - 1;
  }
  return low;
};
