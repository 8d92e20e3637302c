import type { Actor } from '../../access/model/actor.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { ScheduleStore } from '../commands/schedule-store.ts';

/**
 * Who created and who cancelled schedules, according to the log: one statement for any number of them. The inner selection is
 * fenced, so that it reads the index of the schedule, whatever the planner assumes about event types.
 */
export const makeFindScheduleActors =
  (prisma: Queryable): ScheduleStore['actorsOf'] =>
  async (ids) => {
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
  };
