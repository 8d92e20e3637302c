import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { keyNameOf, type LogPoint } from '../model/checkpoint.ts';
import { LogCommandRefusedError } from '../model/log-errors.ts';
import { epochStarted } from '../model/log-events.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import type { LogHeadTransaction } from './log-head-store.ts';

/** What keeps the log from being signed, as the anchors and the service's processes say. */
export type SigningEvidence = {
  /** Sentences; empty if nothing does. */
  refusals: readonly string[];
  /** The checkpoints that the log does not extend. */
  contradictions: readonly LogPoint[];
};

type Deps = {
  inTransaction: InTransaction<LogHeadTransaction>;
  findEvidence: () => Promise<SigningEvidence>;
};
type Input = {
  reason: string;
  /** The key that signs the new epoch. */
  signer: NoteSigner;
  /** Starts it even if nothing keeps the log from being signed. */
  force: boolean;
};

/**
 * Lets a log go on that contradicts an earlier checkpoint: in a new epoch, which to those who watch it is another log. The log
 * records why. Returns where it begins. Throws a LogCommandRefusedError if nothing keeps the log from being signed.
 */
export const makeStartEpoch =
  ({ inTransaction, findEvidence }: Deps) =>
  async (admin: Caller, { reason, signer, force }: Input): Promise<LogPoint> => {
    const { refusals, contradictions } = await findEvidence();
    if (refusals.length === 0 && !force)
      throw new LogCommandRefusedError(
        'nothing that this command can see keeps the log from being signed, so it needs no new epoch; --force starts one anyway',
      );
    return inTransaction(async ({ logHead, audit }) => {
      const { logId, size, rootHash, ...head } = await logHead.findLocked();
      const abandoned = furthest(contradictions.filter(({ epoch }) => epoch >= head.epoch));
      // Later than every epoch that anybody has seen: the database may have forgotten some.
      const point = { logId, epoch: Math.max(head.epoch, abandoned?.epoch ?? 0) + 1, size, rootHash };
      const signingKey = signer.verifierLine(keyNameOf(logId));
      await logHead.save({ epoch: point.epoch, signingKey });
      audit.logEvent(epochStarted(admin, { point, reason, signingKey, abandoned }));
      return point;
    });
  };

const furthest = (points: readonly LogPoint[]): LogPoint | null =>
  points.toSorted((a, b) => b.epoch - a.epoch || b.size - a.size)[0] ?? null;
