import { z } from 'zod';
import { refuse } from '../../kernel/errors.ts';
import { text } from '../../kernel/text.ts';
import { expectedVersionSchema, type Flag } from './flag.ts';
import { type FlagStatus, findStatusIssues } from './flag-status.ts';
import { recordSet, type SetBy } from './last-set.ts';

export const setFlagStatusSchema = z.object({ flagKey: text(1, 128), expectedVersion: expectedVersionSchema });
export type SetFlagStatus = z.infer<typeof setFlagStatusSchema>;

/** Returns the flag with the new status, or the same object if it has that status already. Throws a ValidationError. */
export const setFlagStatus = (flag: Flag, status: FlagStatus, { now, by }: { now: Date; by: SetBy }): Flag => {
  if (flag.status === status) return flag;
  refuse(findStatusIssues(flag.status, status));
  const version = flag.version + 1;
  const statusLastSet = recordSet(flag.statusLastSet, { by, at: now, from: flag.status, to: status, version });
  return { ...flag, status, version, statusLastSet, updatedAt: now };
};
