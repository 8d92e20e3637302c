import { z } from 'zod';
import type { ValidationIssue } from '../../kernel/errors.ts';
import { presentJson } from '../../kernel/json.ts';
import type { FlagRule } from '../../targeting/model/flag-rule.ts';
import { findTargetingIssues } from '../../targeting/model/targeting.ts';
import { resultsOf } from '../../targeting/model/targeting-results.ts';
import type { Flag } from './flag.ts';
import { isExpired } from './flag-override.ts';
import type { FlagState } from './flag-state.ts';
import type { FlagUpdates } from './flag-updates.ts';
import { variantsOf } from './variant.ts';

type Variants = Pick<Flag, 'type' | 'variants'>;

const keysOf = (flag: Variants) => variantsOf(flag).map(({ key }) => key);

const noneYet = 'the flag has no variants yet: give it some with updateFlag';

/** Why one variant cannot be served. */
export const findUnknownVariant = (flag: Variants, variant: string, path: string[]): ValidationIssue[] => {
  const keys = keysOf(flag);
  if (keys.includes(variant)) return [];
  const message = keys.length > 0 ? `is '${variant}', which is not a variant of the flag: it has ${keys.join(', ')}` : noneYet;
  return [{ path, message }];
};

/** Why the default variant and the rules of an update cannot be evaluated. */
export const findVariantUseIssues = (flag: Variants, { defaultVariant, rules }: FlagUpdates): ValidationIssue[] => {
  const keys = keysOf(flag);
  const findIssues = ({ targeting }: FlagRule) =>
    keys.length > 0 ? findTargetingIssues(targeting, keys) : [{ path: [], message: noneYet }];
  return [
    ...(defaultVariant === undefined ? [] : findUnknownVariant(flag, defaultVariant, ['defaultVariant'])),
    ...(rules ?? []).flatMap((rule, index) =>
      findIssues(rule).map(({ path, message }) => ({ path: ['rules', `${index}`, 'targeting', ...path], message })),
    ),
  ];
};

/** A variant that something needs, and what that is. */
type Need = { variant: string; by: string };

/** The variants that a state, or what a schedule would make of it, needs; `where` is "in production" or the like. */
const needsOf = (
  { defaultVariant, rules }: { defaultVariant?: string | null; rules?: readonly FlagRule[] },
  where: string,
): Need[] => [
  ...(defaultVariant == null ? [] : [{ variant: defaultVariant, by: `the default variant ${where}` }]),
  ...(rules ?? []).flatMap(({ key, targeting }) =>
    resultsOf(targeting).flatMap(({ value }) =>
      value === null || typeof value === 'object' ? [] : [{ variant: String(value), by: `rule '${key}' ${where}` }],
    ),
  ),
];

const needsOfState = (state: FlagState, now: Date): Need[] => {
  const where = `in ${state.environment}`;
  return [
    ...needsOf(state, where),
    ...state.overrides
      .filter((override) => !isExpired(override, now))
      .map(({ type, targetId, variant }) => ({ variant, by: `the override of ${type.toLowerCase()} '${targetId}' ${where}` })),
    ...(state.experiment?.variants ?? []).map(({ variant }) => ({
      variant,
      by: `experiment '${state.experiment?.key}' ${where}`,
    })),
  ];
};

/** What of a schedule decides which variants it needs. Updates come as they were stored. */
type Planned = { id: string; environment: string; scheduledAt: Date; updates: unknown };

const plannedSchema = z.object({
  defaultVariant: z.string().optional().catch(undefined),
  rules: z
    .array(z.object({ key: z.string(), description: z.string().nullable(), targeting: presentJson }))
    .optional()
    .catch(undefined),
});

const needsOfSchedule = ({ id, environment, scheduledAt, updates }: Planned): Need[] => {
  const { data = {} } = plannedSchema.safeParse(updates);
  return needsOf(data, `of schedule '${id}', due in ${environment} at ${scheduledAt.toISOString()},`);
};

/** Enough to see what is in the way: a flag may have hundreds of overrides in each environment. */
export const maxMissingVariants = 20;

const findMissing = (flag: Variants, needs: readonly Need[]): ValidationIssue[] => {
  const keys = new Set(keysOf(flag));
  const messages = needs
    .filter(({ variant }) => !keys.has(variant))
    .map(({ variant, by }) => `must include '${variant}': ${by} needs it`);
  return [...new Set(messages)].slice(0, maxMissingVariants).map((message) => ({ path: ['variants'], message }));
};

/** Which variants a flag would lack that its states need, and what needs them. At most 20. */
export const findMissingVariants = (flag: Variants, states: readonly FlagState[], now: Date): ValidationIssue[] =>
  findMissing(
    flag,
    states.flatMap((state) => needsOfState(state, now)),
  );

/** The same for open schedules: they would fail when they are due. */
export const findVariantsMissingIn = (flag: Variants, schedules: readonly Planned[]): ValidationIssue[] =>
  findMissing(flag, schedules.flatMap(needsOfSchedule));

/** Whether a flag has lost a variant that it had. */
export const losesVariants = (flag: Variants, next: Variants): boolean => {
  const kept = new Set(keysOf(next));
  return keysOf(flag).some((key) => !kept.has(key));
};
