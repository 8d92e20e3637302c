import { z } from 'zod';

const range = { min: Date.parse('0001-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') };

/** Whether RFC 3339 can write the date in UTC, and the database can store it. */
export const isInstant = (date: Date): boolean => date.getTime() >= range.min && date.getTime() <= range.max;

const expected = 'must be an instant of the years 1 to 9999, as RFC 3339 text with an offset';

const instantText = z
  .string()
  // RFC 3339 (section 5.6) allows `t` and `z` for `T` and `Z`; Zod does not.
  .toUpperCase()
  .pipe(z.iso.datetime({ offset: true }))
  .transform((text) => new Date(text))
  .refine(isInstant, expected);

/** The instant that the text means, or null if it is not an instant. Fractions of a second are cut to milliseconds. */
export const parseInstant = (text: string): Date | null => instantText.safeParse(text).data ?? null;

/** An instant: a Date, or text as GraphQL's DateTime accepts it. */
export const instant = z.union([z.date().refine(isInstant, expected), instantText], expected);
