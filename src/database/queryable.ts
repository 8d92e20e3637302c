import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';

/** The whole client, or the part of it that works inside one transaction. */
export type Queryable = PrismaClient | Prisma.TransactionClient;
