import { z } from 'zod';
import { text } from '../../kernel/text.ts';
import { applyUpdates } from './apply-updates.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Flag } from './flag.ts';
import { EmergencyOverrideNotActiveError } from './flag-errors.ts';
import { type FlagUpdates, flagUpdatesSchema } from './flag-updates.ts';
import { stateTarget } from './state-target.ts';

export const emergencyOverrideSchema = z.object({
  ...stateTarget,
  updates: flagUpdatesSchema.refine(({ status }) => status == null, {
    path: ['status'],
    message: 'must not be given: an emergency override changes one environment, but a status is the same in all',
  }),
  reason: text(1, 1000),
});
export type OverrideInEmergency = z.infer<typeof emergencyOverrideSchema>;

export const liftEmergencyOverrideSchema = z.object({ ...stateTarget, reason: text(1, 1000).nullish() });
export type LiftEmergencyOverride = z.infer<typeof liftEmergencyOverrideSchema>;

/** Applies the updates and holds the state. Replaces an emergency override that is in force. */
export const holdState = (
  state: EffectiveState,
  updates: FlagUpdates,
  { reason, startedBy, now }: { reason: string; startedBy: string | null; now: Date },
): EffectiveState => ({
  ...applyUpdates(state, updates, now),
  emergency: { reason, startedAt: now.toISOString(), startedBy },
});

/** Leaves the values as they are, and allows changes again. Throws an EmergencyOverrideNotActiveError. */
export const releaseState = ({ key }: Pick<Flag, 'key'>, state: EffectiveState): EffectiveState => {
  if (!state.emergency) throw new EmergencyOverrideNotActiveError(key, state.environment);
  return { ...state, emergency: null };
};
