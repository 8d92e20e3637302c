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

/** Finds why a flag cannot serve a variant. */
export const findUnknownVariant = (flag: Variants, variant: string, path: string[]): ValidationIssue[] => {
  const keys = keysOf(flag);
  if (keys.includes(variant)) return [];
  const message = keys.length > 0 ? `is '${variant}', which is not a variant of the flag: it has ${keys.join(', ')}` : noneYet;
  return [{ path, message }];
};

/** Finds why the default variant or the rules of an update cannot be evaluated. */
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

/** A variant, and what needs it. */
type Need = { variant: string; by: string };

/** The variants that a state or a schedule's updates need. `where` is a phrase such as "in production". */
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

/** The fields of a schedule that tell which variants it needs. `updates` is as stored, and unchecked. */
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

/** Limits the answer: a flag can have hundreds of overrides in each environment. */
export const maxMissingVariants = 20;

const findMissing = (flag: Variants, needs: readonly Need[]): ValidationIssue[] => {
  const keys = new Set(keysOf(flag));
  const messages = needs
    .filter(({ variant }) => !keys.has(variant))
    .map(({ variant, by }) => `must include '${variant}': ${by} needs it`);
  return [...new Set(messages)].slice(0, maxMissingVariants).map((message) => ({ path: ['variants'], message }));
};

/** Finds variants that the flag's states need and that it lacks. Returns at most 20 issues. */
export const findMissingVariants = (flag: Variants, states: readonly FlagState[], now: Date): ValidationIssue[] =>
  findMissing(
    flag,
    states.flatMap((state) => needsOfState(state, now)),
  );

/** Finds variants that open schedules need and that the flag lacks: the schedules would fail when they are due. */
export const findVariantsMissingIn = (flag: Variants, schedules: readonly Planned[]): ValidationIssue[] =>
  findMissing(flag, schedules.flatMap(needsOfSchedule));

/** Whether a flag has lost a variant that it had. */
export const losesVariants = (flag: Variants, next: Variants): boolean => {
  const kept = new Set(keysOf(next));
  return keysOf(flag).some((key) => !kept.has(key));
};
