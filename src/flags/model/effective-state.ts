import type { FlagState } from './flag-state.ts';
import type { FlagStatus } from './flag-status.ts';

/** A state with the status of its flag: all that an update can change. */
export type EffectiveState = FlagState & { status: FlagStatus };

export const effectiveReasons = ['ENABLED', 'DISABLED', 'FLAG_ARCHIVED', 'FLAG_DELETED'] as const;
export type EffectiveReason = (typeof effectiveReasons)[number];

/** What a state comes to, given the flag's status (null: the flag was deleted meanwhile): whether the flag is on there, and why. */
export const effectOf = (
  { enabled }: Pick<FlagState, 'enabled'>,
  status: FlagStatus | null,
): { enabled: boolean; reason: EffectiveReason } => {
  if (status === null) return { enabled: false, reason: 'FLAG_DELETED' };
  if (status === 'ARCHIVED') return { enabled: false, reason: 'FLAG_ARCHIVED' };
  return { enabled, reason: enabled ? 'ENABLED' : 'DISABLED' };
};
