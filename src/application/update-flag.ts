import type { Caller } from '../domain/access/actor.ts';
import { FlagNotFoundError, FlagVersionConflictError } from '../domain/errors.ts';
import {
  type Flag,
  type FlagStatus,
  flagArchived,
  type SetFlagStatus,
  setFlagStatus,
  type UpdateFlag,
  updateFlag,
} from '../domain/flags/flag.ts';
import { flagChanged } from '../domain/flags/flag-events.ts';
import type { FlagState } from '../domain/flags/flag-state.ts';
import { byCaller } from '../domain/flags/last-set.ts';
import { refuseInEmergency } from '../domain/flags/refuse-in-emergency.ts';
import type { Clock } from '../ports/clock.ts';
import type { InTransaction } from '../ports/unit-of-work.ts';

type Deps = { inTransaction: InTransaction; clock: Clock };
type Target = { flagKey: string; expectedVersion?: number | null };

/** Changes a flag itself, in all environments, with one event; the same object back means that nothing changes. */
const makeChangeFlag =
  ({ inTransaction, clock }: Deps) =>
  (
    admin: Caller,
    { flagKey, expectedVersion }: Target,
    decide: (flag: Flag, states: FlagState[], now: Date) => Flag,
  ): Promise<Flag> =>
    inTransaction(async ({ flags, audit }) => {
      const found = await flags.findLocked(flagKey, 'change');
      if (!found) throw new FlagNotFoundError(flagKey);
      const { flag, states } = found;
      if (expectedVersion != null && expectedVersion !== flag.version) throw new FlagVersionConflictError(expectedVersion, flag);
      const next = decide(flag, states, clock.now());
      if (next === flag) return flag;
      await flags.saveFlag(next);
      audit.logEvent(flagChanged(admin, flag, next));
      return next;
    });

/**
 * Changes what describes a flag, and its variants. Throws FlagNotFoundError, FlagVersionConflictError, FlagArchivedError,
 * ValidationError.
 */
export const makeUpdateFlag = (deps: Deps) => {
  const changeFlag = makeChangeFlag(deps);
  return (admin: Caller, input: UpdateFlag): Promise<Flag> =>
    changeFlag(admin, input, (flag, states, now) => {
      if (flag.status === 'ARCHIVED') throw flagArchived(flag);
      return updateFlag(flag, states, input, now);
    });
};

/**
 * Gives a flag another status. Throws FlagNotFoundError, FlagVersionConflictError, EmergencyOverrideActiveError, and a
 * ValidationError where the status cannot follow the one that it has.
 */
export const makeSetFlagStatus = (deps: Deps) => {
  const changeFlag = makeChangeFlag(deps);
  return (admin: Caller, input: SetFlagStatus, status: FlagStatus): Promise<Flag> =>
    changeFlag(admin, input, (flag, states, now) => {
      if (flag.status !== status) refuseInEmergency(flag, states);
      return setFlagStatus(flag, status, { now, by: byCaller(admin) });
    });
};
