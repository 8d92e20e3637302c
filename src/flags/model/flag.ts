import { z } from 'zod';
import { refuse, type ValidationIssue } from '../../kernel/errors.ts';
import { isSameJson } from '../../kernel/json.ts';
import { text } from '../../kernel/text.ts';
import { FlagArchivedError, FlagVersionConflictError } from './flag-errors.ts';
import type { FlagState } from './flag-state.ts';
import { describeSetter, type LastSet, latestOf, recordSet, type SetBy } from './last-set.ts';
import { refuseInEmergency } from './refuse-in-emergency.ts';
import { findVariantIssues, type Variant, variantsOf, variantsSchema } from './variant.ts';
import { findMissingVariants } from './variant-use.ts';

export const flagTypes = ['BOOLEAN', 'STRING', 'NUMBER', 'OBJECT'] as const;
export type FlagType = (typeof flagTypes)[number];

/** ACTIVE → DEPRECATED → ARCHIVED, and back. An archived flag is off everywhere and takes no change but its return. */
export const flagStatuses = ['ACTIVE', 'DEPRECATED', 'ARCHIVED'] as const;
export type FlagStatus = (typeof flagStatuses)[number];

export const flagKeySchema = text(1, 128).regex(
  /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
  'must start with a letter or digit and hold only letters, digits, and . _ / -',
);

const tagsSchema = z.array(text(1, 64)).max(50, 'must have at most 50 tags');
const expectedVersion = z.int32().min(1, 'must be 1 or more').nullish();

export const createFlagSchema = z.object({
  key: flagKeySchema,
  name: text(1, 255),
  description: text(0, 4000).nullish(),
  type: z.enum(flagTypes).nullish(),
  variants: variantsSchema.nullish(),
  tags: tagsSchema.nullish(),
});
export type CreateFlag = z.infer<typeof createFlagSchema>;

/** What of a flag itself can change. A null says the same as an absent field. */
export const updateFlagSchema = z
  .object({
    flagKey: text(1, 128),
    name: text(1, 255).nullish(),
    description: text(0, 4000).nullish(),
    variants: variantsSchema.nullish(),
    tags: tagsSchema.nullish(),
    expectedVersion,
  })
  .refine(
    ({ name, description, variants, tags }) => [name, description, variants, tags].some((value) => value != null),
    'must change at least one of name, description, variants, tags',
  );
export type UpdateFlag = z.infer<typeof updateFlagSchema>;

export const setFlagStatusSchema = z.object({ flagKey: text(1, 128), expectedVersion });
export type SetFlagStatus = z.infer<typeof setFlagStatusSchema>;

export const deleteFlagSchema = z.object({ flagKey: text(1, 128) });
export type DeleteFlag = z.infer<typeof deleteFlagSchema>;

export type Flag = {
  id: string;
  key: string;
  name: string;
  description: string | null;
  type: FlagType;
  /** As they were given: with none, a boolean flag has on and off (`variantsOf`), and any other cannot be served yet. */
  variants: Variant[];
  tags: string[];
  status: FlagStatus;
  /** Counts the changes of the flag itself, from 1; its states count their own. */
  version: number;
  /** Who set the status last. */
  statusLastSet: LastSet;
  createdAt: Date;
  /** The admin's userId; null where none is known. */
  createdBy: string | null;
  updatedAt: Date;
};

/** A flag as it starts. Throws a ValidationError for a variant whose value does not fit the type. */
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
  refuse(findVariantIssues(flag.type, flag.variants).map(below('variants')));
  return flag;
};

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
    refuse([...findVariantIssues(flag.type, next.variants).map(below('variants')), ...findMissingVariants(next, states, now)]);
  }
  return { ...next, version: flag.version + 1, updatedAt: now };
};

/** The flag with another status; the very same object where it has it already. Throws a ValidationError. */
export const setFlagStatus = (flag: Flag, status: FlagStatus, { now, by }: { now: Date; by: SetBy }): Flag => {
  if (flag.status === status) return flag;
  refuse(findStatusIssues(flag.status, status));
  const version = flag.version + 1;
  const statusLastSet = recordSet(flag.statusLastSet, { by, at: now, from: flag.status, to: status, version });
  return { ...flag, status, version, statusLastSet, updatedAt: now };
};

/** Refuses to change a flag that is not at the version that the caller expects. Throws a FlagVersionConflictError. */
export const checkFlagVersion = (flag: Flag, expectedVersion: number | null | undefined): void => {
  if (expectedVersion != null && expectedVersion !== flag.version) throw new FlagVersionConflictError(expectedVersion, flag);
};

/** Why an archived flag takes no change: who archived it, too, as far as that is known. */
export const flagArchived = ({ key, statusLastSet }: Pick<Flag, 'key' | 'statusLastSet'>): FlagArchivedError => {
  const archived = latestOf(statusLastSet);
  return new FlagArchivedError(key, archived && describeSetter(archived));
};

/** Why a status cannot follow another. */
export const findStatusIssues = (from: FlagStatus, to: FlagStatus): ValidationIssue[] =>
  from === 'ARCHIVED' && to === 'DEPRECATED'
    ? [{ path: ['status'], message: 'is DEPRECATED: an ARCHIVED flag can only become ACTIVE again' }]
    : [];

const below =
  (...prefix: string[]) =>
  ({ path, message }: ValidationIssue): ValidationIssue => ({ path: [...prefix, ...path], message });
