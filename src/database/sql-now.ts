import type { Prisma } from '../generated/prisma/client.ts';

/** The current instant as SQL, in milliseconds: of the one clock that schedules are planned, edited and applied by. */
export type SqlNow = () => Prisma.Sql;
