import { z } from 'zod';
import { emergencyOverrideShape } from './emergency-override.ts';
import { runningExperimentShape } from './experiment.ts';
import type { Flag } from './flag.ts';
import { flagOverrideShape } from './flag-override.ts';
import type { LastSets } from './last-set.ts';
import { initialFields, stateFieldShapes } from './state-fields.ts';

/** What a flag is in one environment, as answers and events show it. */
export const flagStateShape = z.object({
  ...stateFieldShapes,
  overrides: z.array(flagOverrideShape),
  /** The running one. */
  experiment: runningExperimentShape.nullable(),
  /** The one in force. */
  emergency: emergencyOverrideShape.nullable(),
  /** Counts this state's changes, from 1. */
  version: z.int(),
});

/** What a flag is in one environment. */
export type FlagState = z.infer<typeof flagStateShape> & {
  flagId: string;
  environment: string;
  /** Who set each field last. */
  lastSet: LastSets;
  updatedAt: Date;
};

/** A flag's state in an environment before it was ever changed. */
export const newFlagState = ({ id }: Pick<Flag, 'id'>, environment: string, now: Date): FlagState => ({
  flagId: id,
  environment,
  ...structuredClone(initialFields),
  overrides: [],
  experiment: null,
  emergency: null,
  version: 1,
  lastSet: {},
  updatedAt: now,
});
