import canonicalize from 'canonicalize';
import { z } from 'zod';
import { isStorableText } from './text.ts';

/** A value that JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

const maxLevels = 50;

/** JSON that is not null and can be stored: nested at most 50 levels deep. */
export const presentJson = z.custom<NonNullable<Json>>().superRefine((value, context) => {
  const problem = value == null ? 'must be JSON, and not null' : findJsonProblem(value, maxLevels);
  if (problem) context.addIssue(problem);
});

/**
 * Why the value cannot be stored as JSON, or null if it can. Uses no recursion, because the input can be nested as deep as a
 * request is long, which would exhaust the stack.
 */
export const findJsonProblem = (json: unknown, maxLevels: number): string | null => {
  const open = [{ value: json, level: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, level } = next;
    if (value === null || typeof value === 'boolean') continue;
    if (typeof value === 'string') {
      if (!isStorableText(value)) return unstorable;
    } else if (typeof value === 'number') {
      // JSON.parse reads 1e999 as Infinity, which has no JSON form.
      if (!Number.isFinite(value)) return 'must not contain a number beyond 1.8e308';
    } else if (typeof value !== 'object') {
      return `must be JSON, which has no ${typeof value}`;
    } else {
      if (level === maxLevels) return `must be nested at most ${maxLevels} levels deep`;
      for (const [key, inner] of Object.entries(value)) {
        if (!isStorableText(key)) return unstorable;
        // Most code that reads objects drops this key silently.
        if (key === '__proto__') return 'must not have the key __proto__';
        open.push({ value: inner, level: level + 1 });
      }
    }
  }
  return null;
};
const unstorable = 'must not contain NUL or a lone surrogate';

/** What is left of a value after `JSON.stringify`: dates become text, absent fields go. */
export const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

/** Whether two values are the same JSON, whatever the order of their fields. */
export const isSameJson = (a: unknown, b: unknown): boolean => a === b || canonicalize(a) === canonicalize(b);
