import type { Flag } from './flag.ts';
import { EmergencyOverrideActiveError } from './flag-errors.ts';
import type { FlagState } from './flag-state.ts';

/** Throws an EmergencyOverrideActiveError if an emergency override holds one of the states. */
export const refuseInEmergency = (
  { key }: Pick<Flag, 'key'>,
  states: readonly Pick<FlagState, 'environment' | 'emergency'>[],
): void => {
  for (const { environment, emergency } of states) {
    if (emergency) throw new EmergencyOverrideActiveError(key, environment, emergency);
  }
};
