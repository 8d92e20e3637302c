import { z } from 'zod';
import { emergencyOverrideShape } from './emergency-override.ts';
import { runningExperimentShape } from './experiment.ts';
import type { Flag } from './flag.ts';
import { flagOverrideShape } from './flag-override.ts';
import type { LastSets } from './last-set.ts';
import { initialFields, stateFieldShapes } from './state-fields.ts';

/** A flag's state in one environment, as answers and events show it. */
export const flagStateShape = z.object({
  ...stateFieldShapes,
  overrides: z.array(flagOverrideShape),
  /** Null if no experiment runs. */
  experiment: runningExperimentShape.nullable(),
  /** Null if no emergency override is in force. */
  emergency: emergencyOverrideShape.nullable(),
  /** Counts this state's changes, from 1. */
  version: z.int(),
});

/** A flag's state in one environment. */
export type FlagState = z.infer<typeof flagStateShape> & {
  flagId: string;
  environment: string;
  /** Who set each field last. */
  lastSet: LastSets;
  updatedAt: Date;
};

/** The state of a new flag, or of any flag in a new environment. */
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
