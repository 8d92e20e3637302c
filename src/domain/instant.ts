import { z } from 'zod';

/** An instant: a Date, or RFC 3339 text with an offset. */
export const instant = z.union([z.date(), z.iso.datetime({ offset: true }).transform((value) => new Date(value))]);
