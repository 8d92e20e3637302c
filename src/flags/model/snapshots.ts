import type { z } from 'zod';
import { type JsonObject, toJson } from '../../kernel/json.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Flag } from './flag.ts';
import { type FlagState, flagStateShape } from './flag-state.ts';

// What events keep of things before and after a change: whole, but for what the event says elsewhere.

const shown = Object.keys(flagStateShape.shape) as (keyof typeof flagStateShape.shape)[];
const stateSnapshot = (state: FlagState) =>
  Object.fromEntries(shown.map((field) => [field, state[field]])) as z.infer<typeof flagStateShape>;

/** A flag in one environment, whole. */
export const effectiveSnapshot = (state: EffectiveState) => ({ ...stateSnapshot(state), status: state.status });

/** A flag itself; with states, also what it is in each environment. */
export const flagSnapshot = (flag: Flag, states?: readonly FlagState[]): JsonObject => {
  const { id, key, name, description, type, variants, tags, status, version } = flag;
  return toJson({
    ...{ id, key, name, description, type, variants, tags, status, version },
    ...(states && { states: Object.fromEntries(states.map((state) => [state.environment, stateSnapshot(state)])) }),
  }) as JsonObject;
};
