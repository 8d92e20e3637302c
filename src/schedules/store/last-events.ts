import type { Queryable } from '../../database/queryable.ts';

export type LastEvent = { eventType: string; occurredAt: Date; description: string };

/** The latest event of each schedule in the log, by the schedule's id. One statement reads one index row for each schedule. */
export const findLastEvents = async (prisma: Queryable, scheduleIds: readonly string[]): Promise<Map<string, LastEvent>> => {
  const rows = await prisma.$queryRaw<(LastEvent & { of: string })[]>`
    SELECT wanted.id AS of, l.event_type AS "eventType", l.occurred_at AS "occurredAt", l.entry::jsonb ->> 'description' AS description
    FROM unnest(${[...scheduleIds]}::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
      SELECT event_type, occurred_at, entry FROM audit_log WHERE schedule_id = wanted.id ORDER BY position DESC LIMIT 1) l`;
  return new Map(rows.map(({ of, ...event }) => [of, event]));
};
