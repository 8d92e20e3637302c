import type { Flag } from './flag.ts';
import { EmergencyOverrideActiveError } from './flag-errors.ts';
import type { FlagState } from './flag-state.ts';

/** Refuses to touch a flag that an emergency override holds in some environment. Throws an EmergencyOverrideActiveError. */
export const refuseInEmergency = (
  { key }: Pick<Flag, 'key'>,
  states: readonly Pick<FlagState, 'environment' | 'emergency'>[],
): void => {
  for (const { environment, emergency } of states) {
    if (emergency) throw new EmergencyOverrideActiveError(key, environment, emergency);
  }
};
