import { Prisma } from '../generated/prisma/client.ts';

// What every wing that counts or cancels open schedules must spell alike, where their table is `d`.

/** What can still become due. Spelled as the partial index `feature_flag_schedules_due` has it, or it is not used. */
export const isOpen = Prisma.sql`(d.status = 'PENDING' OR d.next_retry_at IS NOT NULL)`;

/** Whether a schedule sets the status of its flag, which is the same in all environments. */
export const setsStatus = Prisma.sql`jsonb_typeof(d.updates -> 'status') = 'string'`;

// The same two for Prisma.

export const openSchedule: Prisma.ScheduleWhereInput = { OR: [{ status: 'PENDING' }, { nextRetryAt: { not: null } }] };

/** A schedule that sets the flag's status is of every environment. */
export const scheduleOfEnvironment = (environmentKey: string): Prisma.ScheduleWhereInput => ({
  OR: [{ environmentKey }, { updates: { path: ['status'], string_starts_with: '' } }],
});
