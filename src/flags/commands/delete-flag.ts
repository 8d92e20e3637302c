import type { Caller } from '../../access/model/actor.ts';
import { FlagNotFoundError } from '../../kernel/errors.ts';
import type { InTransaction } from '../../kernel/unit-of-work.ts';
import type { Schedule } from '../../schedules/model/schedule.ts';
import { scheduleCancelled } from '../../schedules/model/schedule-events.ts';
import type { DeleteFlag, Flag } from '../model/flag.ts';
import { flagDeleted } from '../model/flag-events.ts';
import { refuseInEmergency } from '../model/refuse-in-emergency.ts';

type Deps = { inTransaction: InTransaction };

/** A flag as it was, and the schedules that its deletion has cancelled, in the order in which they would have applied. */
export type DeletedFlag = Flag & { cancelledByDeletion: Schedule[] };

/** Deletes a flag and cancels its open schedules, which outlive it. Throws FlagNotFoundError, EmergencyOverrideActiveError. */
export const makeDeleteFlag =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { flagKey }: DeleteFlag): Promise<DeletedFlag> =>
    inTransaction(async ({ flags, schedules, audit }) => {
      const found = await flags.findLocked(flagKey, 'deletion');
      if (!found) throw new FlagNotFoundError(flagKey);
      const { flag, states } = found;
      refuseInEmergency(flag, states);
      const cancelled = await schedules.cancelAllOpen({
        flagId: flag.id,
        cancelledBy: admin.userId,
        reason: 'flag_deleted',
      });
      await flags.remove(flag.id);
      for (const { schedule, before } of cancelled) audit.logEvent(scheduleCancelled(admin, schedule, before));
      audit.logEvent(flagDeleted(admin, flag, states, cancelled.length));
      return { ...flag, cancelledByDeletion: cancelled.map(({ schedule }) => schedule) };
    });
