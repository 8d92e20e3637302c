import { z } from 'zod';

/**
 * Whether a string can be stored and hashed unchanged. PostgreSQL's text cannot hold NUL, and UTF-8 cannot encode a lone
 * surrogate: both would change, or fail, on the way to the log.
 */
export const isStorableText = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/**
 * Makes text from claims and headers storable, because we cannot refuse it: NUL and lone surrogates become U+FFFD, and text
 * beyond `maxLength` UTF-16 units is cut off.
 */
export const toStorableText = (text: string, maxLength: number): string =>
  text.slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();

/** Text that people write: storable, at most `max` UTF-16 units long and, if `min` is 1, not blank. */
export const text = (min: 0 | 1, max: number) =>
  z
    .string()
    .min(min, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .refine(isStorableText, 'must not contain NUL or a lone surrogate')
    .refine((value) => value === '' || min === 0 || /\S/.test(value), 'must not be blank');
