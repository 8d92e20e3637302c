import canonicalize from 'canonicalize';
import { z } from 'zod';
import type { Json, JsonObject } from './json.ts';

/** One field that an event changed. An absent value is null. */
export const fieldChangeSchema = z.object({ field: z.string(), previousValue: z.json(), newValue: z.json() });
export type FieldChange = { field: string; previousValue: Json; newValue: Json };

/** Fields that follow from every change and say nothing of their own. */
const bookkeeping = new Set(['version', 'updatedAt']);

/** The fields in which two states differ, in alphabetical order; bookkeeping left out. */
export const diffStates = (previous: JsonObject | null, next: JsonObject | null): FieldChange[] => {
  const fields = new Set([...Object.keys(previous ?? {}), ...Object.keys(next ?? {})]);
  return [...fields]
    .filter((field) => !bookkeeping.has(field))
    .sort()
    .map((field) => ({ field, previousValue: previous?.[field] ?? null, newValue: next?.[field] ?? null }))
    .filter(({ previousValue, newValue }) => canonicalize(previousValue) !== canonicalize(newValue));
};

const quote = (value: Json): string => (typeof value === 'string' ? `'${value}'` : (canonicalize(value) ?? 'null'));

/** "enabled changed from false to true; rolloutPercentage changed from 100 to 25". */
export const describeChanges = (changes: readonly FieldChange[]): string =>
  changes
    .map(({ field, previousValue, newValue }) => `${field} changed from ${quote(previousValue)} to ${quote(newValue)}`)
    .join('; ');

/** "enabled → true, rolloutPercentage → 25": what a schedule will set. */
export const describeUpdates = (updates: Record<string, Json>): string =>
  Object.entries(updates)
    .map(([field, value]) => `${field} → ${quote(value)}`)
    .join(', ');
