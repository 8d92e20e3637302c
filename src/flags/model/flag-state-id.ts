import { v5 as uuidv5 } from 'uuid';
import type { FlagState } from './flag-state.ts';

/** A stable id for a state, computed from the flag and the environment, so that GraphQL clients can cache by it. */
export const flagStateId = ({ flagId, environment }: Pick<FlagState, 'flagId' | 'environment'>): string =>
  uuidv5(environment, flagId);
