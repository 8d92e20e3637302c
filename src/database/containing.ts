/** Prisma's `contains`, ignoring case. It becomes ILIKE without escaping, so the text's wildcards are escaped here. */
export const containing = (part: string) => ({ contains: part.replaceAll(/[\\%_]/g, '\\$&'), mode: 'insensitive' }) as const;
