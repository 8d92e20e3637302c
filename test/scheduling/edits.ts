import { expect } from 'vitest';
import type { AuditEvent } from '../../src/catalogue/audit-event.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { createSchedule, findSchedule, type ScheduleAnswer } from '../support/schedule-operations.ts';
import { startTestService } from '../support/service.ts';
import { anAdmin, makeSpine, minutesFrom } from '../support/spine.ts';
import { countEvents, readLog } from '../support/tables.ts';

export const inMinutes = (minutes: number) => minutesFrom(new Date(), minutes).toISOString();

// Where the worker, or time, brings a schedule: columns and their values.
export const failed =
  "status = 'FAILED', error_message = 'it broke', retry_count = 2, tried_state_version = 1, tried_flag_version = 1";
export const waiting = `${failed}, next_retry_at = now() + interval '4 minutes'`;
export const due = "scheduled_at = now() - interval '1 minute'";

type Answer = ScheduleAnswer & { version: number; current?: { version: number }; expectedVersion?: number };

/** The API on a PostgreSQL of its own, where schedules are edited; the worker runs by hand. */
export const startEditing = async () => {
  const db = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api' } });
  const spine = await makeSpine(db.database);
  let flags = 0;
  const aFlag = async () => (await spine.createFlag(anAdmin(), { key: `flag-${++flags}`, name: 'F' })).key;
  return {
    db,
    service,
    /** The worker, and an admin beside the API. */
    spine,
    aFlag,
    aSchedule: async (input: object = {}) =>
      createSchedule(service, { flagKey: await aFlag(), scheduledAt: inMinutes(60), updates: { enabled: true }, ...input }),
    /** Runs one of the mutations that change a schedule. */
    change: async (field: string, input: object, as?: string): Promise<Answer> => {
      const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
      const { data, errors } = await service.gql<Record<string, Answer>>(
        `mutation ($input: ${type}!) { ${field}(input: $input) { __typename
          ... on Schedule { id version status scheduledAt updates { enabled rolloutPercentage } retryCount maxRetries nextRetryAt errorMessage appliedAt }
          ... on ScheduleVersionConflictError { expectedVersion current { version } } ... on ValidationError { issues { path message } }
          ... on Error { code message } ${field === 'updateSchedule' ? '... on ScheduleNotEditableError { status }' : ''} } }`,
        { input },
        as === undefined ? {} : { as },
      );
      return data?.[field] ?? expect.unreachable(JSON.stringify(errors));
    },
    /** Brings a schedule somewhere behind Flagtrail's back. */
    set: (id: string, columns: string) => db.sql(`UPDATE feature_flag_schedules SET ${columns} WHERE id = $1`, [id]),
    eventsOf: async (id: string): Promise<AuditEvent[]> => {
      await spine.sequence();
      return (await readLog(db)).filter(({ scheduleId }) => scheduleId === id);
    },
    stateOf: async (key: string) => {
      const [row] = await db.sql(
        `SELECT s.enabled, s.rollout_percentage AS rollout FROM feature_flag_states s JOIN feature_flags f ON f.id = s.flag_id
         WHERE f.key = $1 AND s.environment_key = 'production'`,
        [key],
      );
      return row;
    },
    /** Fails where the work changes the schedule, or records anything. */
    unchanged: async (id: string, work: () => Promise<unknown>) => {
      const [before, events] = [await findSchedule(service, id), await countEvents(db)];
      await work();
      expect(await findSchedule(service, id)).toEqual(before);
      expect(await countEvents(db)).toBe(events);
    },
  };
};
