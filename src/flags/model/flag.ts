import { z } from 'zod';
import { issuesBelow, refuse } from '../../kernel/errors.ts';
import { text } from '../../kernel/text.ts';
import type { FlagStatus } from './flag-status.ts';
import { type FlagType, flagTypes } from './flag-type.ts';
import type { LastSet } from './last-set.ts';
import { findVariantIssues, type Variant, variantsSchema } from './variant.ts';

const flagKeySchema = text(1, 128).regex(
  /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
  'must start with a letter or digit and hold only letters, digits, and . _ / -',
);

export const tagsSchema = z.array(text(1, 64)).max(50, 'must have at most 50 tags');
/** The version that the caller read before the change. */
export const expectedVersionSchema = z.int32().min(1, 'must be 1 or more').nullish();

export const createFlagSchema = z.object({
  key: flagKeySchema,
  name: text(1, 255),
  description: text(0, 4000).nullish(),
  type: z.enum(flagTypes).nullish(),
  variants: variantsSchema.nullish(),
  tags: tagsSchema.nullish(),
});
export type CreateFlag = z.infer<typeof createFlagSchema>;

export const deleteFlagSchema = z.object({ flagKey: text(1, 128) });
export type DeleteFlag = z.infer<typeof deleteFlagSchema>;

export type Flag = {
  id: string;
  key: string;
  name: string;
  description: string | null;
  type: FlagType;
  /**
   * As the caller gave them. Without any, a boolean flag has on and off (see `variantsOf`); any other flag cannot be served
   * yet.
   */
  variants: Variant[];
  tags: string[];
  status: FlagStatus;
  /** Counts the changes of the flag itself, from 1. Each state counts its own. */
  version: number;
  /** Who set the status last. */
  statusLastSet: LastSet;
  createdAt: Date;
  /** The admin's userId; null if unknown. */
  createdBy: string | null;
  updatedAt: Date;
};

/** A new flag. Throws a ValidationError if a variant's value does not fit the type. */
export const newFlag = (
  input: CreateFlag,
  { id, createdBy = null, now }: { id: string; createdBy?: string | null; now: Date },
): Flag => {
  const flag: Flag = {
    id,
    key: input.key,
    name: input.name,
    description: input.description || null,
    type: input.type ?? 'BOOLEAN',
    variants: input.variants ?? [],
    tags: [...new Set(input.tags ?? [])],
    status: 'ACTIVE',
    version: 1,
    statusLastSet: {},
    createdAt: now,
    createdBy,
    updatedAt: now,
  };
  refuse(issuesBelow(['variants'], findVariantIssues(flag.type, flag.variants)));
  return flag;
};
