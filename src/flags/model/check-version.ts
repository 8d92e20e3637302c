import type { Flag } from './flag.ts';
import { FlagVersionConflictError, VersionConflictError } from './flag-errors.ts';
import type { FlagState } from './flag-state.ts';

/** Refuses to change a flag that is not at the version that the caller expects. Throws a FlagVersionConflictError. */
export const checkFlagVersion = (flag: Flag, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== flag.version) throw new FlagVersionConflictError(expectedVersion, flag);
};

/** Refuses to change a state that is not at the version that the caller expects. Throws a VersionConflictError. */
export const checkVersion = (state: FlagState, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== state.version) throw new VersionConflictError(expectedVersion, state);
};
