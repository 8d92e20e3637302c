import type { OperationBudget } from '../../graphql/operation-budget.ts';
import type { Proofs } from '../commands/proofs.ts';

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    proofs: Proofs;
  }
}

/** Roughly what the hashes of a proof take, in bytes. */
const proofBytes = 4096;

/** The proofs, but what they read counts towards the budget of one operation. */
export const meterProofs = (proofs: Proofs, { read }: OperationBudget): Proofs => ({
  latestCheckpoint: () => read(proofs.latestCheckpoint, () => ({ rows: 1, bytes: proofBytes })),
  proveInclusion: (eventId) =>
    read(
      () => proofs.proveInclusion(eventId),
      (proof) => ({ rows: 1, bytes: proofBytes + (proof?.entry.length ?? 0) }),
    ),
  proveConsistency: (from, to) =>
    read(
      () => proofs.proveConsistency(from, to),
      () => ({ rows: 1, bytes: proofBytes }),
    ),
});
