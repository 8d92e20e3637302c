import { Prisma } from '../generated/prisma/client.ts';

// Conditions that all wings use to count or cancel open schedules. The table must be called `d`.

/**
 * Schedules that can still become due. Written like the condition of the partial index `feature_flag_schedules_due`; otherwise
 * the index is not used.
 */
export const isOpen = Prisma.sql`(d.status = 'PENDING' OR d.next_retry_at IS NOT NULL)`;

/** Whether a schedule sets its flag's status, which is the same in all environments. */
export const setsStatus = Prisma.sql`jsonb_typeof(d.updates -> 'status') = 'string'`;

// The same for Prisma's queries.

export const openSchedule: Prisma.ScheduleWhereInput = { OR: [{ status: 'PENDING' }, { nextRetryAt: { not: null } }] };

/** Schedules of an environment, including those that set the flag's status, which concern every environment. */
export const scheduleOfEnvironment = (environmentKey: string): Prisma.ScheduleWhereInput => ({
  OR: [{ environmentKey }, { updates: { path: ['status'], string_starts_with: '' } }],
});
