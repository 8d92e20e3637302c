import type { ExecutionResult, GraphQLError } from 'graphql';
import { bytesOf } from '../kernel/json-size.ts';

/** The most bytes that one character takes as JSON (as \u0001 does), and that one number takes. */
const longestCharacter = 6;
const longestNumber = 24;

/**
 * A lower estimate of how many bytes a result takes as JSON; null if it takes more than `maxBytes`. A result that holds one
 * object many times is small in memory but large on the wire, so this runs before serialisation. One walk takes a third of the
 * time of `JSON.stringify`; only results near the limit are counted exactly.
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
      // Faster than Object.entries. It is safe because the executor makes objects without a prototype.
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
