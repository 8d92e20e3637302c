import { z } from 'zod';
import { text } from '../../kernel/text.ts';
import { variantKeySchema } from './variant.ts';

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
    .refine((arms) => new Set(arms.map(({ variant }) => variant)).size === arms.length, 'must not have the same variant twice'),
});

/** A running experiment. It gives its variants, by weight, to users whom no override and no rule decides. */
export const runningExperimentShape = z.object({
  /** Names the experiment. */
  key: z.string(),
  hypothesis: z.string().nullable(),
  /** Weights are relative to their sum. */
  variants: experimentSchema.shape.variants,
  startedAt: z.iso.datetime(),
  /** The admin's userId; null if unknown. */
  startedBy: z.string().nullable(),
});
export type Experiment = z.infer<typeof runningExperimentShape>;
