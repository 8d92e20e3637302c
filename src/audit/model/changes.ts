import canonicalize from 'canonicalize';
import { z } from 'zod';
import { isSameJson, type Json, type JsonObject } from '../../kernel/json.ts';

/** One field that an event changed. An absent value is null. */
export const fieldChangeSchema = z.object({ field: z.string(), previousValue: z.json(), newValue: z.json() });
export type FieldChange = { field: string; previousValue: Json; newValue: Json };

/** Fields that every change sets, so they tell nothing about it. */
export const bookkeepingFields: ReadonlySet<string> = new Set(['version', 'updatedAt']);

/** The fields that differ between two states, in alphabetical order, without those in `leftOut`. */
export const diffStates = (
  previous: JsonObject | null,
  next: JsonObject | null,
  leftOut: ReadonlySet<string> = bookkeepingFields,
): FieldChange[] => {
  const fields = new Set([...Object.keys(previous ?? {}), ...Object.keys(next ?? {})]);
  return [...fields]
    .filter((field) => !leftOut.has(field))
    .sort()
    .map((field) => ({ field, previousValue: fieldOf(previous, field), newValue: fieldOf(next, field) }))
    .filter(({ previousValue, newValue }) => !isSameJson(previousValue, newValue));
};

/** Reads own fields only: applications choose the names, and every object inherits, for example, `toString`. */
const fieldOf = (state: JsonObject | null, field: string): Json =>
  state !== null && Object.hasOwn(state, field) ? (state[field] ?? null) : null;

const longestQuote = 200;

/** A value as sentences quote it. */
export const quote = (value: Json): string => {
  const text = typeof value === 'string' ? `'${value}'` : (canonicalize(value) ?? 'null');
  return text.length > longestQuote ? `${text.slice(0, longestQuote).toWellFormed()}…` : text;
};

const isListOfObjects = (value: Json): value is JsonObject[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item));

/**
 * Lists of rules, variants and the like would fill pages, so a sentence only counts them; the event's changes have them in full.
 */
const describeChange = ({ field, previousValue, newValue }: FieldChange): string => {
  const [before, after] = [previousValue ?? [], newValue ?? []];
  const isList = isListOfObjects(before) && isListOfObjects(after) && before.length + after.length > 0;
  if (!isList) return `${field} changed from ${quote(previousValue)} to ${quote(newValue)}`;
  return before.length === after.length ? `${field} changed` : `${field} count changed from ${before.length} to ${after.length}`;
};

/** For example "enabled changed from false to true; rules count changed from 1 to 2". */
export const describeChanges = (changes: readonly FieldChange[]): string => changes.map(describeChange).join('; ');

/** For example "1 open schedule", "3 open schedules". */
export const countOf = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** What a schedule will set, for example "enabled → true, rolloutPercentage → 25". */
export const describeUpdates = (updates: Record<string, Json>): string =>
  Object.entries(updates)
    .map(([field, value]) => `${field} → ${isListOfObjects(value) ? `${value.length} of them` : quote(value)}`)
    .join(', ');
