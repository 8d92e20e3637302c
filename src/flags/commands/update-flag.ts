import type { Caller } from '../../access/model/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import { refuse } from '../../kernel/errors.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { checkFlagVersion } from '../model/check-version.ts';
import type { Flag } from '../model/flag.ts';
import { flagArchived } from '../model/flag-archived.ts';
import { FlagNotFoundError } from '../model/flag-errors.ts';
import { flagChanged } from '../model/flag-events.ts';
import type { FlagState } from '../model/flag-state.ts';
import type { FlagStatus } from '../model/flag-status.ts';
import { byCaller } from '../model/last-set.ts';
import { refuseInEmergency } from '../model/refuse-in-emergency.ts';
import { type SetFlagStatus, setFlagStatus } from '../model/set-flag-status.ts';
import { type UpdateFlag, updateFlag } from '../model/update-flag.ts';
import type { FlagTransaction, LockPurpose } from './flag-store.ts';
import { findNeededBySchedules } from './needed-by-schedules.ts';
import type { OpenSchedules } from './open-schedules.ts';

type Deps = { inTransaction: InTransaction<FlagTransaction>; clock: Clock };
type Change = {
  target: { flagKey: string; expectedVersion?: number | null };
  purpose: LockPurpose;
  /** Returns the flag after the change, or the same object if nothing changes. */
  decide: (flag: Flag, states: FlagState[], now: Date) => Flag;
  /**
   * Checks the flag's open schedules before the flag is saved. Throws if they need what the change removes. Returns how many
   * will fail.
   */
  checkSchedules: (change: { flag: Flag; next: Flag }, schedules: OpenSchedules) => Promise<number>;
};

/** Changes the flag itself, in all environments, and records one event. */
const makeChangeFlag =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, { target: { flagKey, expectedVersion }, purpose, decide, checkSchedules }: Change): Promise<Flag> =>
    inTransaction(async ({ flags, schedules, audit }) => {
      const found = await flags.findLocked(flagKey, purpose);
      if (!found) throw new FlagNotFoundError(flagKey);
      const { flag, states } = found;
      checkFlagVersion(flag, expectedVersion);
      const next = decide(flag, states, clock.now());
      if (next === flag) return flag;
      const openSchedules = await checkSchedules({ flag, next }, schedules);
      await flags.saveFlag(next);
      audit.logEvent(flagChanged(admin, { previous: flag, next, openSchedules }));
      return next;
    });

/**
 * Changes a flag's name, description, tags and variants. Throws FlagNotFoundError, FlagVersionConflictError, FlagArchivedError,
 * EmergencyOverrideActiveError, and a ValidationError, for example if a state or an open schedule needs a variant that would
 * go.
 */
export const makeUpdateFlag = (deps: Deps) => {
  const changeFlag = makeChangeFlag(deps);
  return (admin: Caller, input: UpdateFlag): Promise<Flag> =>
    changeFlag(admin, {
      target: input,
      // Orders this change and new schedules: either this change sees the schedule, or the schedule sees the new variants.
      purpose: input.variants == null ? 'change' : 'variants',
      decide: (flag, states, now) => {
        if (flag.status === 'ARCHIVED') throw flagArchived(flag);
        return updateFlag(flag, states, input, now);
      },
      checkSchedules: async ({ flag, next }, schedules) => {
        refuse(await findNeededBySchedules(schedules, flag, next));
        return 0;
      },
    });
};

/**
 * Changes a flag's status. Throws FlagNotFoundError, FlagVersionConflictError, EmergencyOverrideActiveError, and a
 * ValidationError if the new status cannot follow the current one.
 */
export const makeSetFlagStatus = (deps: Deps) => {
  const changeFlag = makeChangeFlag(deps);
  return (admin: Caller, input: SetFlagStatus, status: FlagStatus): Promise<Flag> =>
    changeFlag(admin, {
      target: input,
      purpose: 'change',
      decide: (flag, states, now) => {
        if (flag.status !== status) refuseInEmergency(flag, states);
        return setFlagStatus(flag, status, { now, by: byCaller(admin) });
      },
      checkSchedules: ({ flag, next }, schedules) =>
        next.status === 'ARCHIVED' ? schedules.countOpen({ flagId: flag.id }) : Promise.resolve(0),
    });
};
