import type { Flag } from './flag.ts';
import { FlagVersionConflictError, VersionConflictError } from './flag-errors.ts';
import type { FlagState } from './flag-state.ts';

/** Throws a FlagVersionConflictError if the flag is not at the version that the caller expects. */
export const checkFlagVersion = (flag: Flag, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== flag.version) throw new FlagVersionConflictError(expectedVersion, flag);
};

/** Throws a VersionConflictError if the state is not at the version that the caller expects. */
export const checkVersion = (state: FlagState, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== state.version) throw new VersionConflictError(expectedVersion, state);
};
