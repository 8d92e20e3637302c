/** A value that JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** What `JSON.stringify` would make of a value, as a value: dates become text, absent fields go. */
export const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));
