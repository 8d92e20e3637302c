import type { Caller } from '../../access/model/actor.ts';
import type { EventDraft } from '../../audit/model/audit-event.ts';
import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { checkVersion } from '../model/check-version.ts';
import type { EffectiveState } from '../model/effective-state.ts';
import type { Flag } from '../model/flag.ts';
import { flagArchived } from '../model/flag-archived.ts';
import { FlagNotFoundError } from '../model/flag-errors.ts';
import type { FlagState } from '../model/flag-state.ts';
import type { StateChange } from '../model/flag-state-events.ts';
import { byCaller, recordSets, type SetBy } from '../model/last-set.ts';
import { refuseInEmergency } from '../model/refuse-in-emergency.ts';
import { setFlagStatus } from '../model/set-flag-status.ts';
import type { StateField } from '../model/state-fields.ts';
import type { StateTarget } from '../model/state-target.ts';
import type { FlagTransaction, FlagWriter } from './flag-store.ts';

export type StateDeps = { inTransaction: InTransaction<FlagTransaction>; clock: Clock };

/** What `decide` is given. */
type Situation = { flag: Flag; state: EffectiveState; now: Date };

type Change = {
  /** Returns the state after the change, or the same object if nothing changes. `version` and `updatedAt` are set for it. */
  decide: (situation: Situation) => EffectiveState;
  /** The fields that the caller sets, including those that keep their value. A retry of a failed schedule must not undo them. */
  sets?: readonly StateField[];
  event: (change: StateChange, transaction: FlagTransaction) => EventDraft | Promise<EventDraft>;
  /** Whether the change is allowed during an emergency override. */
  inEmergency?: boolean;
  /** Whether the change is allowed on an archived flag. `decide` must then refuse what is not. */
  ofArchived?: boolean;
};

/**
 * Changes a flag's state in one environment now, and records one event. If nothing changes, nothing is saved or recorded.
 * Throws FlagNotFoundError, EnvironmentNotFoundError, VersionConflictError, EmergencyOverrideActiveError, FlagArchivedError,
 * and what `decide` throws.
 */
export const makeChangeFlagState =
  ({ inTransaction, clock }: StateDeps) =>
  (
    admin: Caller,
    target: StateTarget,
    { decide, sets = [], event, inEmergency = false, ofArchived = false }: Change,
  ): Promise<FlagState> =>
    inTransaction(async (transaction) => {
      const { flags, audit } = transaction;
      const found = await flags.findLockedState(target.flagKey, target.environment);
      if (!found) throw new FlagNotFoundError(target.flagKey);
      const { flag, state } = found;
      if (!state) throw new EnvironmentNotFoundError(target.environment);
      checkVersion(state, target.expectedVersion);
      if (!inEmergency) refuseInEmergency(flag, [state]);
      if (flag.status === 'ARCHIVED' && !ofArchived) throw flagArchived(flag);

      const now = clock.now();
      const decided = decide({ flag, state, now });
      if (decided === state) return state;
      const version = state.version + 1;
      const by = byCaller(admin);
      const lastSet = recordSets(state, { ...decided, version }, { by, at: now, fields: sets });
      const next = { ...decided, version, lastSet, updatedAt: now };
      if (next.status !== flag.status) await changeStatus(flags, flag, next.status, { now, by });
      await flags.saveState(next);
      audit.logEvent(await event({ admin, flag, previous: state, next }, transaction));
      return next;
    });

/** A flag has one status for all environments, so an emergency override in any of them blocks the change. */
const changeStatus = async (
  flags: FlagWriter,
  flag: Flag,
  status: Flag['status'],
  set: { now: Date; by: SetBy },
): Promise<void> => {
  const found = await flags.findLocked(flag.key, 'change');
  refuseInEmergency(flag, found?.states ?? []);
  await flags.saveFlag(setFlagStatus(flag, status, set));
};
