import type { Flag } from './flag.ts';
import { FlagArchivedError } from './flag-errors.ts';
import { describeSetter, latestOf } from './last-set.ts';

/** Why an archived flag takes no change: who archived it, too, as far as that is known. */
export const flagArchived = ({ key, statusLastSet }: Pick<Flag, 'key' | 'statusLastSet'>): FlagArchivedError => {
  const archived = latestOf(statusLastSet);
  return new FlagArchivedError(key, archived && describeSetter(archived));
};
