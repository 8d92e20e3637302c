import type { LogPoint } from './checkpoint.ts';

/** A checkpoint that was signed once, and where that is known from. */
export type Witnessed = LogPoint & { where: string };

/** Another root was signed for the same size of the same epoch. */
export class ForkedCheckpointError extends Error {
  override readonly name = 'ForkedCheckpointError';
  constructor({ epoch, size }: Pick<LogPoint, 'epoch' | 'size'>) {
    super(`another root is signed for ${entries(size)} in epoch ${epoch}`);
  }
}

/** Why nothing is signed: one sentence, and the checkpoint that contradicts the database, if one does. */
export type Refusal = { why: string; contradicts: Witnessed | null };

const entries = (size: number): string => `${size} ${size === 1 ? 'entry' : 'entries'}`;
const wayOut = "find out why, then continue with: flagtrail log new-epoch --reason '…'";

/**
 * Whether the database contradicts a checkpoint that was signed before: one of a later epoch, or of more entries than the log has.
 * An earlier epoch was ended on purpose, so it contradicts nothing.
 */
export const refusalOf = (head: Omit<LogPoint, 'rootHash'>, known: Witnessed): Refusal | null => {
  if (known.epoch > head.epoch)
    return {
      why: `${known.where} holds a checkpoint of epoch ${known.epoch}, and the database is in epoch ${head.epoch}: it was restored from an older copy, or a failover lost commits; ${wayOut}`,
      contradicts: known,
    };
  if (known.epoch === head.epoch && known.size > head.size)
    return {
      why: `${known.where} holds a checkpoint of ${entries(known.size)}, and the log in the database has ${head.size}: it was restored from an older copy, or a failover lost commits; ${wayOut}`,
      contradicts: known,
    };
  return null;
};

/** The first entries of the log are not those that were signed. */
export const forkOf = (known: Witnessed): Refusal => ({
  why: `the first ${entries(known.size)} of the log are not those of the checkpoint in ${known.where}: the log was changed, or this is another copy of it; ${wayOut}`,
  contradicts: known,
});

/** The head's root is not that of the entries. A new epoch does not mend that. */
export const brokenHead: Refusal = {
  why: "the root in audit_head is not that of the entries in the log: an entry or the tree was changed; find out which with 'flagtrail verify', and restore the database from a copy of before",
  contradicts: null,
};

/** Another key signs this log. */
export const otherKey = ({ own, signing }: { own: string; signing: string }): Refusal => ({
  why: `the log is signed with the key ${signing}, and this process has ${own}: set LOG_SIGNING_KEY to that key; to change keys, run 'flagtrail log rotate-key --to <file>' with the old one; if the old one is lost, run 'flagtrail log new-epoch --reason' with the new one`,
  contradicts: null,
});
