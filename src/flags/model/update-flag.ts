import { z } from 'zod';
import { issuesBelow, refuse } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';
import { expectedVersionSchema, type Flag, tagsSchema } from './flag.ts';
import type { FlagState } from './flag-state.ts';
import { refuseInEmergency } from './refuse-in-emergency.ts';
import { findVariantIssues, variantsOf, variantsSchema } from './variant.ts';
import { findMissingVariants } from './variant-use.ts';

/** What of a flag itself can change. A null says the same as an absent field. */
export const updateFlagSchema = z
  .object({
    flagKey: text(1, 128),
    name: text(1, 255).nullish(),
    description: text(0, 4000).nullish(),
    variants: variantsSchema.nullish(),
    tags: tagsSchema.nullish(),
    expectedVersion: expectedVersionSchema,
  })
  .refine(
    ({ name, description, variants, tags }) => [name, description, variants, tags].some((value) => value != null),
    'must change at least one of name, description, variants, tags',
  );
export type UpdateFlag = z.infer<typeof updateFlagSchema>;

/**
 * The flag after an update; the very same object where it changes nothing. Throws a ValidationError for variants that do not
 * fit the flag's type, or lack one that a state speaks of, and an EmergencyOverrideActiveError for other variants while an
 * emergency override holds the flag: they would change what it serves.
 */
export const updateFlag = (flag: Flag, states: readonly FlagState[], input: UpdateFlag, now: Date): Flag => {
  const next: Flag = {
    ...flag,
    ...(input.name != null && { name: input.name }),
    ...(input.description != null && { description: input.description || null }),
    // A form sends back what it was shown: a boolean flag's on and off need not become its own.
    ...(input.variants != null && !isSameJson(input.variants, variantsOf(flag)) && { variants: input.variants }),
    ...(input.tags != null && { tags: [...new Set(input.tags)] }),
  };
  if (isSameJson(next, flag)) return flag;
  if (!isSameJson(next.variants, flag.variants)) {
    refuseInEmergency(flag, states);
    refuse([
      ...issuesBelow(['variants'], findVariantIssues(flag.type, next.variants)),
      ...findMissingVariants(next, states, now),
    ]);
  }
  return { ...next, version: flag.version + 1, updatedAt: now };
};
