import { z } from 'zod';
import { instant } from '../../kernel/instant.ts';
import { text } from '../../kernel/text.ts';
import { variantKeySchema } from './variant.ts';

export const overrideTypes = ['USER', 'GROUP'] as const;
export type OverrideType = (typeof overrideTypes)[number];

/**
 * Gives one user or one group a variant, before any rule is tried. A user is the evaluation context's `targetingKey`; a group
 * is an element of its `groups`.
 */
export const flagOverrideShape = z.object({
  type: z.enum(overrideTypes),
  targetId: z.string(),
  variant: z.string(),
  /** The instant from which it no longer counts; null if it has no end. */
  expiresAt: z.iso.datetime().nullable(),
});
export type FlagOverride = z.infer<typeof flagOverrideShape>;

const target = { type: z.enum(overrideTypes), targetId: text(1, 255) };

export const flagOverrideSchema = z.object({ ...target, variant: variantKeySchema, expiresAt: instant.nullish() });
export const overrideTargetSchema = z.object(target);

export const maxOverrides = 200;

export const isSameTarget = (a: Pick<FlagOverride, 'type' | 'targetId'>, b: Pick<FlagOverride, 'type' | 'targetId'>): boolean =>
  a.type === b.type && a.targetId === b.targetId;

export const isExpired = ({ expiresAt }: Pick<FlagOverride, 'expiresAt'>, now: Date): boolean =>
  expiresAt !== null && Date.parse(expiresAt) <= now.getTime();
