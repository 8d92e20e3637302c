import type { Json } from './json.ts';

/** How many bytes of UTF-8 a value takes as JSON. */
export const bytesOf = (value: Json): number => new TextEncoder().encode(JSON.stringify(value)).length;
