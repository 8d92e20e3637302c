import { z } from 'zod';
import { issuesBelow, refuse } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';
import { expectedVersionSchema, type Flag, tagsSchema } from './flag.ts';
import type { FlagState } from './flag-state.ts';
import { refuseInEmergency } from './refuse-in-emergency.ts';
import { findVariantIssues, variantsOf, variantsSchema } from './variant.ts';
import { findMissingVariants } from './variant-use.ts';

/** The fields of a flag itself that can change. Null means the same as absent. */
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
 * Returns the flag after an update, or the same object if nothing changes. Throws a ValidationError if variants do not fit the
 * flag's type or lack one that a state needs. Throws an EmergencyOverrideActiveError if the variants change during an emergency
 * override, because that would change what the flag serves.
 */
export const updateFlag = (flag: Flag, states: readonly FlagState[], input: UpdateFlag, now: Date): Flag => {
  const next: Flag = {
    ...flag,
    ...(input.name != null && { name: input.name }),
    ...(input.description != null && { description: input.description || null }),
    // A form sends back the variants that it was shown. A boolean flag's implicit on and off must not become explicit.
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
