import type { z } from 'zod';
import { type JsonObject, toJson } from '../../kernel/json.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Flag } from './flag.ts';
import { type FlagState, flagStateShape } from './flag-state.ts';

// Flags and states as events show them before and after a change. Who set a field last is left out, because the event says who
// acts.

const shown = Object.keys(flagStateShape.shape) as (keyof typeof flagStateShape.shape)[];
const stateSnapshot = (state: FlagState) =>
  Object.fromEntries(shown.map((field) => [field, state[field]])) as z.infer<typeof flagStateShape>;

/** A flag's full state in one environment. */
export const effectiveSnapshot = (state: EffectiveState) => ({ ...stateSnapshot(state), status: state.status });

/** The flag itself, and its states if they are given. */
export const flagSnapshot = (flag: Flag, states?: readonly FlagState[]): JsonObject => {
  const { id, key, name, description, type, variants, tags, status, version } = flag;
  return toJson({
    ...{ id, key, name, description, type, variants, tags, status, version },
    ...(states && { states: Object.fromEntries(states.map((state) => [state.environment, stateSnapshot(state)])) }),
  }) as JsonObject;
};
