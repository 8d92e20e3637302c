import type { EffectiveState } from '../../flags/model/effective-state.ts';
import type { EmergencyOverride } from '../../flags/model/emergency-override.ts';
import type { Flag } from '../../flags/model/flag.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';

/**
 * The fields of a locked flag that applying needs. `variants` are filled only if the schedule sets a default variant or rules;
 * `emergency`, in any environment, only if it sets the status.
 */
export type LockedFlag = Pick<Flag, 'id' | 'key' | 'type' | 'variants' | 'status' | 'version' | 'statusLastSet'> & {
  emergency: (EmergencyOverride & { environment: string }) | null;
};

/** A locked state. */
export type LockedState = FlagState & { environmentEnabled: boolean };

/** Everything that a schedule can change, locked against other changes. */
export type Held = { flag: LockedFlag; state: LockedState };

/** The state as events show it. */
export const effectiveStateOf = ({ flag: { status }, state }: Held): EffectiveState => ({ ...state, status });
