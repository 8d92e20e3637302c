import canonicalize from 'canonicalize';
import { z } from 'zod';

/** A value that JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** JSON that says something: not null. */
export const presentJson = z.union([z.string(), z.number(), z.boolean(), z.array(z.json()), z.record(z.string(), z.json())]);

/** What `JSON.stringify` would make of a value, as a value: dates become text, absent fields go. */
export const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

/** Whether two values are the same JSON, in whatever order their fields are. */
export const isSameJson = (a: unknown, b: unknown): boolean => a === b || canonicalize(a) === canonicalize(b);
