import { z } from 'zod';
import { refuse, ValidationError } from '../../kernel/errors.ts';
import { text } from '../../kernel/text.ts';
import type { EffectiveState } from './effective-state.ts';
import { type Experiment, experimentSchema } from './experiment.ts';
import type { Flag } from './flag.ts';
import { ExperimentAlreadyRunningError, ExperimentNotRunningError } from './flag-errors.ts';
import { stateTarget } from './state-target.ts';
import { variantKeySchema } from './variant.ts';
import { findUnknownVariant } from './variant-use.ts';

export const startExperimentSchema = z.object({ ...stateTarget, experiment: experimentSchema });
export type StartExperiment = z.infer<typeof startExperimentSchema>;
export const stopExperimentSchema = z.object({
  ...stateTarget,
  outcome: text(1, 4000),
  winningVariant: variantKeySchema.nullish(),
});
export type StopExperiment = z.infer<typeof stopExperimentSchema>;

type Variants = Pick<Flag, 'key' | 'type' | 'variants'>;

/** Starts an experiment. Throws an ExperimentAlreadyRunningError, and a ValidationError for unknown variants. */
export const startExperiment = (
  flag: Variants,
  state: EffectiveState,
  { experiment: { key, hypothesis, variants } }: StartExperiment,
  { now, startedBy }: { now: Date; startedBy: string | null },
): EffectiveState & { experiment: Experiment } => {
  if (state.experiment) {
    throw new ExperimentAlreadyRunningError({
      flagKey: flag.key,
      environment: state.environment,
      experimentKey: state.experiment.key,
    });
  }
  refuse(
    variants.flatMap(({ variant }, index) =>
      findUnknownVariant(flag, variant, ['experiment', 'variants', `${index}`, 'variant']),
    ),
  );
  const startedAt = now.toISOString();
  return { ...state, experiment: { key, hypothesis: hypothesis ?? null, variants, startedAt, startedBy } };
};

/**
 * Stops the running experiment. A winning variant becomes the default variant in the same change. Throws an
 * ExperimentNotRunningError, and a ValidationError for a winner that is not an arm of the experiment.
 */
export const stopExperiment = (flag: Variants, state: EffectiveState, { winningVariant }: StopExperiment): EffectiveState => {
  const { experiment } = state;
  if (!experiment) throw new ExperimentNotRunningError(flag.key, state.environment);
  const arms = experiment.variants.map(({ variant }) => variant);
  if (winningVariant != null && !arms.includes(winningVariant)) {
    const message = `is '${winningVariant}', which is not an arm of the experiment: it must be one of ${arms.join(', ')}`;
    throw new ValidationError([{ path: ['winningVariant'], message }]);
  }
  return { ...state, experiment: null, ...(winningVariant != null && { defaultVariant: winningVariant }) };
};
