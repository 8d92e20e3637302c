import type { Caller } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from './attribution.ts';
import type { OwnEventDraft } from './own-event-types.ts';

/** How many entries a tile of the log's tree covers. Only whole tiles are pruned, because their hashes are kept as tiles. */
export const tileWidth = 256;

/** What pruning would remove, or has removed. */
export type PruningPlan = {
  before: Date;
  /** The last position to go; the entries up to `from` went earlier. */
  to: number;
  from: number;
};

/** A sink, and up to which position it has accepted entries. */
export type ShippedTo = { name: string; position: number };

/** Why nothing can be pruned, for the person who asked for it. */
export class PruningRefusedError extends Error {}

/**
 * Refuses to prune what somebody still needs: a sink that has not shipped it, or the proof that it was there, which only a
 * checkpoint gives.
 */
export const checkPruning = (
  { to, before }: PruningPlan,
  { sinks, coveredTo, now }: { sinks: readonly ShippedTo[]; coveredTo: number; now: Date },
): void => {
  if (before > now) throw new PruningRefusedError(`${before.toISOString()} is in the future: name an instant in the past`);
  const behind = sinks.filter(({ position }) => position < to);
  if (behind.length > 0) {
    const names = behind.map(({ name, position }) => `'${name}' has shipped up to position ${position}`).join(', ');
    throw new PruningRefusedError(
      `positions up to ${to} were to go, but the sink ${names}: wait until it has shipped them or, if it is no longer in use, name it with --skip-sink`,
    );
  }
  if (coveredTo < to) {
    throw new PruningRefusedError(
      `positions up to ${to} were to go, but the latest checkpoint covers ${coveredTo === 0 ? 'nothing' : `only ${coveredTo}`}: run a process with the role audit until it has signed the log`,
    );
  }
};

/** Records that entries were pruned. */
export const logPruned = (caller: Caller, { before, from, to }: PruningPlan): OwnEventDraft<'log.pruned'> => ({
  eventType: 'log.pruned',
  ...attributedTo(caller),
  resource: { type: 'audit_log', id: 'audit_log' },
  allEnvironments: true,
  description: `The entries up to position ${to} were pruned, ${to - from} of them anew: what was sealed before ${before.toISOString()}`,
  metadata: { before: before.toISOString(), prunedTo: to, entries: to - from, ...adminFields(caller) },
});
