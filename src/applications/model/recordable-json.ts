import { z } from 'zod';
import type { ValidationIssue } from '../../kernel/errors.ts';
import { findJsonProblem, type Json } from '../../kernel/json.ts';
import { bytesOf } from '../../kernel/json-size.ts';

const maxBytes = 64 * 1024;
const maxLevels = 32;

/** JSON from other applications, nested at most 32 levels deep. An absent value becomes null. */
export const recordableJson = z
  .custom<Json>()
  .optional()
  .transform((value) => value ?? null)
  .superRefine((value, context) => {
    const problem = findJsonProblem(value, maxLevels);
    if (problem) context.addIssue(problem);
  });

const valueFields = ['details', 'previousValue', 'newValue'] as const;
/** The fields of an event that hold JSON. */
export type RecordableValues = { [Field in (typeof valueFields)[number]]?: Json };

/** Whether a field holds JSON. */
export const isValueField = (field: unknown): boolean => valueFields.some((name) => name === field);

/** The values of an event take at most 64 KiB together, because the entry repeats them in its states, changes and metadata. */
export const findSizeIssue = (values: RecordableValues): ValidationIssue | null => {
  const sizes = valueFields.map((field) => ({ field, bytes: bytesOf(values[field] ?? undefined, maxBytes) }));
  const [largest] = sizes.toSorted((a, b) => b.bytes - a.bytes);
  if (!largest || sizes.reduce((sum, { bytes }) => sum + bytes, 0) <= maxBytes) return null;
  return {
    path: [largest.field],
    message: `must take at most ${maxBytes} bytes as JSON, together with ${othersThan(largest.field)}`,
  };
};
const othersThan = (field: string) => valueFields.filter((name) => name !== field).join(' and ');

const maxBatchBytes = 2 * 1024 * 1024;
/** A small request can contain large events, because one variable can be in each of them. */
export const areTooLarge = (events: readonly RecordableValues[]): boolean =>
  bytesOf(
    events.map(({ details, previousValue, newValue }) => [details, previousValue, newValue]),
    maxBatchBytes,
  ) > maxBatchBytes;
