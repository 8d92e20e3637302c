import type { Json } from './json.ts';

/** Whether lists and objects are nested deeper than that. Counts without recursion, so that no input exhausts the stack. */
export const isDeeperThan = (levels: number, value: Json): boolean => {
  const open: { value: Json; level: number }[] = [{ value, level: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.level === levels) return true;
    for (const inner of Object.values(next.value)) open.push({ value: inner, level: next.level + 1 });
  }
  return false;
};

/** How many bytes of UTF-8 a value takes as JSON. */
export const bytesOf = (value: Json): number => new TextEncoder().encode(JSON.stringify(value)).length;
