import type { ValidationIssue } from '../errors.ts';
import { findTargetingIssues } from '../flagd/targeting.ts';
import type { Flag } from './flag.ts';
import { isExpired } from './flag-override.ts';
import type { FlagState, FlagUpdates } from './flag-state.ts';
import { variantsOf } from './variant.ts';

type Variants = Pick<Flag, 'type' | 'variants'>;

const keysOf = (flag: Variants) => variantsOf(flag).map(({ key }) => key);

/**
 * Why one variant cannot be served. A flag that was not given variants has none to check a default variant against, so any
 * name is taken for that; rules, overrides and experiments need variants that are there.
 */
export const findUnknownVariant = (flag: Variants, variant: string, path: string[]): ValidationIssue[] => {
  const keys = keysOf(flag);
  if (keys.includes(variant)) return [];
  return [{ path, message: `is '${variant}', which is no variant of the flag: it has ${keys.join(', ') || 'none yet'}` }];
};

/** Why the default variant and the rules of an update, or of a state, cannot be evaluated. */
export const findVariantUseIssues = (
  flag: Variants,
  { defaultVariant, rules }: Partial<FlagState> | FlagUpdates,
): ValidationIssue[] => [
  ...(defaultVariant != null && flag.variants.length > 0 ? findUnknownVariant(flag, defaultVariant, ['defaultVariant']) : []),
  ...(rules ?? []).flatMap(({ targeting }, index) =>
    findTargetingIssues(targeting, keysOf(flag)).map(({ path, message }) => ({
      path: ['rules', `${index}`, 'targeting', ...path],
      message,
    })),
  ),
];

/** Where the states of a flag speak of variants that it would no longer have. */
export const findMissingVariants = (flag: Variants, states: readonly FlagState[], now: Date): ValidationIssue[] =>
  states.flatMap((state) =>
    [
      ...findVariantUseIssues(flag, state),
      ...state.overrides
        .filter((override) => !isExpired(override, now))
        .flatMap(({ variant, targetId }) => findUnknownVariant(flag, variant, ['overrides', targetId])),
      ...(state.experiment?.variants ?? []).flatMap(({ variant }) => findUnknownVariant(flag, variant, ['experiment'])),
    ].map(({ path, message }) => ({
      path: ['variants'],
      message: `do not suit ${state.environment}, where ${path.join('.')} ${message}`,
    })),
  );
