import type { Flag } from './flag.ts';
import { FlagArchivedError } from './flag-errors.ts';
import { describeSetter, latestOf } from './last-set.ts';

/** The error that refuses changes of an archived flag. It names who archived the flag, if that is known. */
export const flagArchived = ({ key, statusLastSet }: Pick<Flag, 'key' | 'statusLastSet'>): FlagArchivedError => {
  const archived = latestOf(statusLastSet);
  return new FlagArchivedError(key, archived && describeSetter(archived));
};
