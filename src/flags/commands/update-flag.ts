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
  /** The flag as it shall be; the very same object where nothing changes. */
  decide: (flag: Flag, states: FlagState[], now: Date) => Flag;
  /** Looks at the flag's schedules before it is saved; throws where they are in the way. Answers how many meet the change. */
  meet: (change: { flag: Flag; next: Flag }, schedules: OpenSchedules) => Promise<number>;
};

/** Changes a flag itself, in all environments, with one event. */
const makeChangeFlag =
  ({ inTransaction, clock }: Deps) =>
  (admin: Caller, { target: { flagKey, expectedVersion }, purpose, decide, meet }: Change): Promise<Flag> =>
    inTransaction(async ({ flags, schedules, audit }) => {
      const found = await flags.findLocked(flagKey, purpose);
      if (!found) throw new FlagNotFoundError(flagKey);
      const { flag, states } = found;
      checkFlagVersion(flag, expectedVersion);
      const next = decide(flag, states, clock.now());
      if (next === flag) return flag;
      const openSchedules = await meet({ flag, next }, schedules);
      await flags.saveFlag(next);
      audit.logEvent(flagChanged(admin, { previous: flag, next, openSchedules }));
      return next;
    });

/**
 * Changes what describes a flag, and its variants. Throws FlagNotFoundError, FlagVersionConflictError, FlagArchivedError,
 * and a ValidationError, also for a variant that is missing and that a state or an open schedule needs.
 */
export const makeUpdateFlag = (deps: Deps) => {
  const changeFlag = makeChangeFlag(deps);
  return (admin: Caller, input: UpdateFlag): Promise<Flag> =>
    changeFlag(admin, {
      target: input,
      // A schedule that is created meanwhile is seen here, or sees the new variants.
      purpose: input.variants == null ? 'change' : 'variants',
      decide: (flag, states, now) => {
        if (flag.status === 'ARCHIVED') throw flagArchived(flag);
        return updateFlag(flag, states, input, now);
      },
      meet: async ({ flag, next }, schedules) => {
        refuse(await findNeededBySchedules(schedules, flag, next));
        return 0;
      },
    });
};

/**
 * Gives a flag another status. Throws FlagNotFoundError, FlagVersionConflictError, EmergencyOverrideActiveError, and a
 * ValidationError where the status cannot follow the one that it has.
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
      meet: ({ flag, next }, schedules) =>
        next.status === 'ARCHIVED' ? schedules.countOpen({ flagId: flag.id }) : Promise.resolve(0),
    });
};
