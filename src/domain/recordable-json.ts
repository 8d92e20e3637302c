import { z } from 'zod';
import type { Json } from './json.ts';
import { bytesOf } from './json-size.ts';
import { isStorableText } from './text.ts';

const maxBytes = 64 * 1024;
const maxLevels = 32;

/** What other applications say in their own form: JSON of at most 64 KiB, nested at most 32 levels deep. Absent is null. */
export const recordableJson = z
  .custom<Json | undefined>()
  .superRefine((value, context) => {
    const problem = findProblem(value ?? null);
    if (problem) context.addIssue(problem);
  })
  .transform((value) => value ?? null);

/** Looks without recursion: what comes may be nested as deep as a request is long, and would exhaust the stack. */
const findProblem = (json: Json): string | null => {
  const open: { value: Json; level: number }[] = [{ value: json, level: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, level } = next;
    if (typeof value === 'string' && !isStorableText(value)) return 'must not contain NUL or a lone surrogate';
    // JSON.parse reads 1e999 as Infinity, which has no JSON form.
    if (typeof value === 'number' && !Number.isFinite(value)) return 'must not contain a number beyond 1.8e308';
    if (typeof value !== 'object' || value === null) continue;
    if (level === maxLevels) return `must be nested at most ${maxLevels} levels deep`;
    for (const [key, inner] of Object.entries(value)) {
      if (!isStorableText(key)) return 'must not contain NUL or a lone surrogate';
      open.push({ value: inner, level: level + 1 });
    }
  }
  return bytesOf(json) > maxBytes ? `must take at most ${maxBytes} bytes as JSON` : null;
};
