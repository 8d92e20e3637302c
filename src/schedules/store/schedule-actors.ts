import { readEvent } from '../../audit/model/entry.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { ScheduleStore } from '../commands/schedule-store.ts';

/**
 * Who created and who cancelled schedules, according to the log: one statement for any number of them. The inner selection is
 * fenced, so that it reads the index of the schedule, whatever the planner assumes about event types.
 */
export const makeFindScheduleActors =
  (prisma: Queryable): ScheduleStore['actorsOf'] =>
  async (ids) => {
    const rows = await prisma.$queryRaw<{ id: string; created: boolean; entry: string; disclosures: string }[]>`
      SELECT wanted.id, trail.event_type = 'flag_schedule.created' AS created, trail.entry, coalesce(audit_shown(trail.actor_id, trail.position, d.disclosures), '') AS disclosures
      FROM unnest(${[...ids]}::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT l.position, l.event_type, l.actor_id, l.entry FROM audit_log l WHERE l.schedule_id = wanted.id OFFSET 0
      ) trail LEFT JOIN audit_disclosures d ON d.position = trail.position
      WHERE trail.event_type IN ('flag_schedule.created', 'flag_schedule.cancelled')`;
    const found = Map.groupBy(rows, ({ id }) => id);
    const actorOf = (row: { entry: string; disclosures: string } | undefined) =>
      row ? readEvent(row.entry, row.disclosures).actor : null;
    return new Map(
      [...found].map(([id, acted]) => [
        id,
        {
          created: actorOf(acted.find(({ created }) => created)),
          cancelled: actorOf(acted.find(({ created }) => !created)),
        },
      ]),
    );
  };
