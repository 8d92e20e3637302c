import type { Actor } from '../../access/model/actor.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { AuditLog } from '../ports/audit-log.ts';

/**
 * Who did what, according to the log: one statement for any number of things. The inner selections are fenced, so that each reads
 * the index of its thing, whatever the planner assumes about event types.
 */
export const makeLoggedActors = (prisma: PrismaClient): Pick<AuditLog, 'actorsOfSchedules' | 'creatorsOfFlags'> => ({
  actorsOfSchedules: async (ids) => {
    const rows = await prisma.$queryRaw<{ id: string; created: boolean; actor: Actor }[]>`
      SELECT wanted.id, trail.event_type = 'flag_schedule.created' AS created, trail.entry::jsonb -> 'actor' AS actor
      FROM unnest(${[...ids]}::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT l.event_type, l.entry FROM audit_log l WHERE l.schedule_id = wanted.id OFFSET 0
      ) trail
      WHERE trail.event_type IN ('flag_schedule.created', 'flag_schedule.cancelled')`;
    const found = Map.groupBy(rows, ({ id }) => id);
    return new Map(
      [...found].map(([id, acted]) => [
        id,
        {
          created: acted.find(({ created }) => created)?.actor ?? null,
          cancelled: acted.find(({ created }) => !created)?.actor ?? null,
        },
      ]),
    );
  },
  // A flag can have any number of events. Its creation is the first one, or near it if events were spooled. The comparison of
  // rows can be answered by no other index: ordered by position alone, the planner may walk the whole log (measured: 15 s for
  // 100,000 entries).
  creatorsOfFlags: async (ids) => {
    const rows = await prisma.$queryRaw<{ id: string; actor: Actor }[]>`
      SELECT wanted.id, trail.entry::jsonb -> 'actor' AS actor
      FROM unnest(${[...ids]}::text[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT l.resource_id, l.event_type, l.entry FROM audit_log l WHERE (l.resource_id, l.position) > (wanted.id, 0)
        ORDER BY l.resource_id, l.position LIMIT 20
      ) trail
      WHERE trail.resource_id = wanted.id AND trail.event_type = 'flag.created'`;
    return new Map(rows.map(({ id, actor }) => [id, actor]));
  },
});
