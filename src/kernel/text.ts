import { z } from 'zod';

/**
 * Whether a string can be stored and hashed as it is. PostgreSQL has no NUL in text, and a lone surrogate has no UTF-8
 * bytes: both would change, or fail, on the way to the log.
 */
export const isStorableText = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** What comes in claims and headers is not ours to refuse: NUL and lone surrogates become U+FFFD, and length is cut. */
export const toStorableText = (text: string, maxLength: number): string =>
  text.slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();

/** Text that people write: storable, at most `max` UTF-16 units long and, where it is to say something (`min` 1), not blank. */
export const text = (min: 0 | 1, max: number) =>
  z
    .string()
    .min(min, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .refine(isStorableText, 'must not contain NUL or a lone surrogate')
    .refine((value) => value === '' || min === 0 || /\S/.test(value), 'must not be blank');
