import { v5 as uuidv5 } from 'uuid';
import type { FlagState } from './flag-state.ts';

/** A name for a state that stays: clients that keep what they read by id find it again. It follows from the flag and the environment. */
export const flagStateId = ({ flagId, environment }: Pick<FlagState, 'flagId' | 'environment'>): string =>
  uuidv5(environment, flagId);
