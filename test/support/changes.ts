import { bookkeepingFields, type FieldChange } from '../../src/domain/audit/changes.ts';
import type { Json, JsonObject } from '../../src/domain/json.ts';

/** What a state says: an absent field is null, and what follows from every change is left out. */
export const sayingOf = (state: JsonObject | null): Map<string, Json> =>
  new Map(Object.entries(state ?? {}).filter(([name, value]) => value !== null && !bookkeepingFields.has(name)));

/** What a state says after changes. */
export const applyChanges = (state: JsonObject | null, changes: readonly FieldChange[]): Map<string, Json> => {
  const saying = sayingOf(state);
  for (const { field, newValue } of changes) {
    if (newValue === null) saying.delete(field);
    else saying.set(field, newValue);
  }
  return saying;
};
