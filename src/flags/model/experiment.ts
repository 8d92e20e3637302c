import { z } from 'zod';
import { text } from '../../kernel/text.ts';
import { variantKeySchema } from './variant.ts';

/** A running experiment: contexts that no override and no rule decides get its variants, by weight. */
export type Experiment = {
  /** What people call it. */
  key: string;
  hypothesis: string | null;
  /** Weights are relative to their sum. */
  variants: { variant: string; weight: number }[];
  /** RFC 3339 in UTC. */
  startedAt: string;
  /** The admin's userId; null where none is known. */
  startedBy: string | null;
};

const maxWeight = 1_000_000;

export const experimentSchema = z.object({
  key: text(1, 64),
  hypothesis: text(0, 1000).nullish(),
  variants: z
    .array(
      z.object({
        variant: variantKeySchema,
        weight: z.int().min(1, `must be from 1 to ${maxWeight}`).max(maxWeight, `must be from 1 to ${maxWeight}`),
      }),
    )
    .min(2, 'must have at least 2 variants')
    .max(100, 'must have at most 100 variants')
    .refine((arms) => new Set(arms.map(({ variant }) => variant)).size === arms.length, 'must not have one variant twice'),
});
