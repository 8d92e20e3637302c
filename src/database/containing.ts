/** Prisma's `contains`, in any case: it is ILIKE, and leaves the wildcards of a text as they are. */
export const containing = (part: string) => ({ contains: part.replaceAll(/[\\%_]/g, '\\$&'), mode: 'insensitive' }) as const;
