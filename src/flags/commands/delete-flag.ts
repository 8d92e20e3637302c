import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import type { DeleteFlag, Flag } from '../model/flag.ts';
import { FlagNotFoundError } from '../model/flag-errors.ts';
import { flagDeleted } from '../model/flag-events.ts';
import { refuseInEmergency } from '../model/refuse-in-emergency.ts';
import type { FlagTransaction } from './flag-store.ts';

type Deps<Transaction, Schedule> = {
  inTransaction: InTransaction<Transaction>;
  /** Cancels the flag's open schedules in the order in which they would have applied, with an event for each. */
  cancelOpenSchedules: (transaction: Transaction, admin: Caller, flag: Pick<Flag, 'id'>) => Promise<Schedule[]>;
};

/** The flag before its deletion, and the schedules that the deletion cancelled. */
export type DeletedFlag<Schedule> = Flag & { cancelledByDeletion: Schedule[] };

/**
 * Deletes a flag and cancels its open schedules, which stay in the list of schedules. Throws FlagNotFoundError,
 * EmergencyOverrideActiveError.
 */
export const makeDeleteFlag =
  <Transaction extends FlagTransaction, Schedule>({ inTransaction, cancelOpenSchedules }: Deps<Transaction, Schedule>) =>
  (admin: Caller, { flagKey }: DeleteFlag): Promise<DeletedFlag<Schedule>> =>
    inTransaction(async (transaction) => {
      const { flags, audit } = transaction;
      const found = await flags.findLocked(flagKey, 'deletion');
      if (!found) throw new FlagNotFoundError(flagKey);
      const { flag, states } = found;
      refuseInEmergency(flag, states);
      const cancelledByDeletion = await cancelOpenSchedules(transaction, admin, flag);
      await flags.remove(flag.id);
      audit.logEvent(flagDeleted(admin, flag, states, cancelledByDeletion.length));
      return { ...flag, cancelledByDeletion };
    });
