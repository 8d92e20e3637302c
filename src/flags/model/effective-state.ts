import type { FlagState } from './flag-state.ts';
import type { FlagStatus } from './flag-status.ts';

/** A state with its flag's status: every field that updates can set. */
export type EffectiveState = FlagState & { status: FlagStatus };

export const effectiveReasons = ['ENABLED', 'DISABLED', 'FLAG_ARCHIVED', 'FLAG_DELETED'] as const;
export type EffectiveReason = (typeof effectiveReasons)[number];

/** Whether a flag is on in an environment, and why. `status` is null if the flag was deleted meanwhile. */
export const effectOf = (
  { enabled }: Pick<FlagState, 'enabled'>,
  status: FlagStatus | null,
): { enabled: boolean; reason: EffectiveReason } => {
  if (status === null) return { enabled: false, reason: 'FLAG_DELETED' };
  if (status === 'ARCHIVED') return { enabled: false, reason: 'FLAG_ARCHIVED' };
  return { enabled, reason: enabled ? 'ENABLED' : 'DISABLED' };
};
