import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { keyNameOf } from '../model/checkpoint.ts';
import { LogCommandRefusedError } from '../model/log-errors.ts';
import { keyRotated } from '../model/log-events.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import type { LogHeadTransaction } from './log-head-store.ts';

type Deps = { inTransaction: InTransaction<LogHeadTransaction> };

/**
 * Hands the log over to another key: the one that signs now signs the verifier line of the next, and the log records that. Returns
 * the new verifier line. Throws a LogCommandRefusedError.
 */
export const makeRotateKey =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { from, to }: { from: NoteSigner; to: NoteSigner }): Promise<string> =>
    inTransaction(async ({ logHead, audit }) => {
      const { logId, epoch, signingKey } = await logHead.findLocked();
      const name = keyNameOf(logId);
      const [previousKey, newKey] = [from.verifierLine(name), to.verifierLine(name)];
      if (signingKey === null)
        throw new LogCommandRefusedError(
          'nobody has signed this log yet, so there is nothing to hand over: set LOG_SIGNING_KEY to the new key, and start the service',
        );
      if (signingKey === newKey) throw new LogCommandRefusedError(`${newKey} signs this log already`);
      if (signingKey !== previousKey)
        throw new LogCommandRefusedError(
          `the log is signed with ${signingKey}, and LOG_SIGNING_KEY is ${previousKey}: the key that signs now must sign the hand-over`,
        );
      await logHead.save({ epoch, signingKey: newKey });
      audit.logEvent(keyRotated(admin, { previousKey, newKey, handover: from.sign(`${newKey}\n`, name) }));
      return newKey;
    });
