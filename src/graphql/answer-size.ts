import type { ExecutionResult, GraphQLError } from 'graphql';
import { bytesOf } from '../kernel/json-size.ts';

/** What a character becomes at most, as \u0001 does, and what a number does. */
const longestCharacter = 6;
const longestNumber = 24;

/**
 * How many bytes a result takes as JSON, roughly and at least; null where it takes more than `maxBytes`. A result is small in
 * memory and large on the wire where it has one object many times, so this comes before it is serialised. One walk takes a third
 * of the time of `JSON.stringify`; only what is near the bound is counted exactly.
 */
export const sizeOfAnswer = ({ data, errors, extensions }: ExecutionResult, maxBytes: number): number | null => {
  const shown = errors?.map((error: GraphQLError) => error.toJSON?.() ?? error);
  const answer = { ...(data !== undefined && { data }), ...(shown && { errors: shown }), ...(extensions && { extensions }) };
  const open: unknown[] = [answer];
  let characters = 0;
  let others = 0;
  while (open.length > 0 && characters + others <= maxBytes) {
    const value = open.pop();
    if (typeof value === 'string') characters += value.length + 2;
    else if (typeof value !== 'object' || value === null) others += 1;
    else if (Array.isArray(value)) {
      others += value.length + 1;
      for (const item of value) open.push(item);
    } else {
      others += 1;
      // Faster than Object.entries for what the executor makes, which has no prototype.
      for (const key in value) {
        characters += key.length + 4;
        open.push((value as Record<string, unknown>)[key]);
      }
    }
  }
  const least = characters + others;
  if (least > maxBytes) return null;
  const isClear = characters * longestCharacter + others * longestNumber <= maxBytes;
  return isClear || bytesOf(answer, maxBytes) <= maxBytes ? least : null;
};
