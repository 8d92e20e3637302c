import { z } from 'zod';
import { refuse } from '../../kernel/errors.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Flag } from './flag.ts';
import { FlagOverrideAlreadyExistsError, FlagOverrideNotFoundError } from './flag-errors.ts';
import {
  type FlagOverride,
  flagOverrideSchema,
  isExpired,
  isSameTarget,
  maxOverrides,
  overrideTargetSchema,
} from './flag-override.ts';
import { stateTarget } from './state-target.ts';
import { findUnknownVariant } from './variant-use.ts';

export const addFlagOverrideSchema = z.object({ ...stateTarget, override: flagOverrideSchema });
export type AddFlagOverride = z.infer<typeof addFlagOverrideSchema>;
export const removeFlagOverrideSchema = z.object({ ...stateTarget, override: overrideTargetSchema });
export type RemoveFlagOverride = z.infer<typeof removeFlagOverrideSchema>;

type Variants = Pick<Flag, 'key' | 'type' | 'variants'>;

/** An override as it is stored. */
export const toOverride = ({ override: { expiresAt, ...override } }: AddFlagOverride): FlagOverride => ({
  ...override,
  expiresAt: expiresAt?.toISOString() ?? null,
});

/**
 * Adds an override, and drops expired ones, which do not block it. Throws a FlagOverrideAlreadyExistsError, and a
 * ValidationError for an unknown variant, an expiry in the past, or too many overrides.
 */
export const addOverride = (flag: Variants, state: EffectiveState, input: AddFlagOverride, now: Date): EffectiveState => {
  const override = toOverride(input);
  const { type, targetId, variant, expiresAt } = override;
  const others = state.overrides.filter((other) => !isExpired(other, now) && !isSameTarget(other, override));
  const existing = state.overrides.find((other) => isSameTarget(other, override));
  if (existing && !isExpired(existing, now)) {
    throw new FlagOverrideAlreadyExistsError({ flagKey: flag.key, environment: state.environment, type, targetId });
  }
  const past = isExpired(override, now)
    ? [{ path: ['override', 'expiresAt'], message: `is ${expiresAt}: it must be after now, ${now.toISOString()}` }]
    : [];
  const tooMany =
    others.length >= maxOverrides
      ? [{ path: ['override'], message: `would be one too many: a state can have at most ${maxOverrides} overrides` }]
      : [];
  refuse([...findUnknownVariant(flag, variant, ['override', 'variant']), ...past, ...tooMany]);
  return { ...state, overrides: [...others, override] };
};

/** Finds the override of a user or group. Throws a FlagOverrideNotFoundError. */
export const findOverride = (flag: Variants, state: EffectiveState, { override }: RemoveFlagOverride): FlagOverride => {
  const found = state.overrides.find((other) => isSameTarget(other, override));
  if (!found) throw new FlagOverrideNotFoundError({ flagKey: flag.key, environment: state.environment, ...override });
  return found;
};
