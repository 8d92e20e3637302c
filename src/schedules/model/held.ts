import type { EffectiveState } from '../../flags/model/effective-state.ts';
import type { EmergencyOverride } from '../../flags/model/emergency-override.ts';
import type { Flag } from '../../flags/model/flag.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';

/**
 * A flag as the worker holds it. Its variants, and the emergency override that holds it in some environment, are there where a
 * schedule has to do with them.
 */
export type LockedFlag = Pick<Flag, 'id' | 'key' | 'type' | 'variants' | 'status' | 'version' | 'statusLastSet'> & {
  emergency: (EmergencyOverride & { environment: string }) | null;
};

/** A flag's state as the worker holds it. */
export type LockedState = FlagState & { environmentEnabled: boolean };

/** What a schedule can change, held against everybody else. */
export type Held = { flag: LockedFlag; state: LockedState };

/** What an event says of a held flag and state. */
export const effectiveStateOf = ({ flag: { status }, state }: Held): EffectiveState => ({ ...state, status });
