import { z } from 'zod';
import { issuesBelow, refuse } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Flag } from './flag.ts';
import { flagArchived } from './flag-archived.ts';
import { findStatusIssues } from './flag-status.ts';
import { type FlagUpdates, flagUpdatesSchema } from './flag-updates.ts';
import { stateTarget } from './state-target.ts';
import { findVariantUseIssues } from './variant-use.ts';

export const updateFlagStateSchema = z.object({
  ...stateTarget,
  updates: flagUpdatesSchema,
  expectedFlagVersion: stateTarget.expectedVersion,
});
export type UpdateFlagState = z.infer<typeof updateFlagStateSchema>;

/**
 * Throws if the flag cannot take the updates: a ValidationError for variants or rules that cannot be evaluated, a
 * FlagArchivedError if the flag is archived and stays archived.
 */
export const checkUpdates = (
  flag: Pick<Flag, 'key' | 'type' | 'variants' | 'status' | 'statusLastSet'>,
  updates: FlagUpdates,
): void => {
  const issues = [
    ...findVariantUseIssues(flag, updates),
    ...(updates.status === undefined ? [] : findStatusIssues(flag.status, updates.status)),
  ];
  refuse(issuesBelow(['updates'], issues));
  const { status = flag.status, ...ofState } = updates;
  const staysArchived = flag.status === 'ARCHIVED' && status === 'ARCHIVED';
  if (staysArchived && Object.keys(ofState).length > 0) throw flagArchived(flag);
};

/** Returns the state after the updates, or the same object if they change nothing. */
export const applyUpdates = <State extends EffectiveState>(state: State, updates: FlagUpdates, now: Date): State => {
  const next = { ...state, ...updates };
  const changed = (Object.keys(updates) as (keyof FlagUpdates)[]).some((field) => !isSameJson(next[field], state[field]));
  return changed ? { ...next, version: state.version + 1, updatedAt: now } : state;
};
