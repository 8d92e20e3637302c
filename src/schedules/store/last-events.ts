import { readEvent } from '../../audit/model/entry.ts';
import type { Queryable } from '../../database/queryable.ts';

export type LastEvent = { eventType: string; occurredAt: Date; description: string };

/** The latest event of each schedule in the log, by the schedule's id. One statement reads one index row for each schedule. */
export const findLastEvents = async (prisma: Queryable, scheduleIds: readonly string[]): Promise<Map<string, LastEvent>> => {
  const rows = await prisma.$queryRaw<{ of: string; entry: string; disclosures: string }[]>`
    SELECT wanted.id AS of, l.entry, coalesce(audit_shown(l.actor_id, l.position, d.disclosures), '') AS disclosures
    FROM unnest(${[...scheduleIds]}::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
      SELECT position, actor_id, entry FROM audit_log WHERE schedule_id = wanted.id ORDER BY position DESC LIMIT 1) l
    LEFT JOIN audit_disclosures d ON d.position = l.position`;
  return new Map(
    rows.map(({ of, entry, disclosures }) => {
      const { eventType, timestamp, description } = readEvent(entry, disclosures);
      return [of, { eventType, occurredAt: new Date(timestamp), description }];
    }),
  );
};
