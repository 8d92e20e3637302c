import type { Prisma } from '../generated/prisma/client.ts';

/** The current instant as SQL, in milliseconds, by the one clock that schedules use. */
export type SqlNow = () => Prisma.Sql;
