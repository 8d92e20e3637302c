import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { cancelSchedule, createFlag, createSchedule } from '../support/schedule-operations.ts';
import { startTestService, token } from '../support/service.ts';
import { minutesFrom } from '../support/spine.ts';
import { countEvents } from '../support/tables.ts';

// The database's clock is the machine's here; the API's is moved.

const startApi = async (minutes: number) => {
  const clock = { now: () => minutesFrom(new Date(), minutes) };
  const db = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: db.url, clock, env: { ROLES: 'api' } });
  // Tokens are judged by the API's clock.
  const as = await token({ now: clock.now() });
  const gql: typeof service.gql = (query, variables, options) => service.gql(query, variables, { as, ...options });
  const api = { ...service, gql };
  await createFlag(api, 'checkout');
  const create = (inMinutes: number) =>
    createSchedule(api, {
      flagKey: 'checkout',
      scheduledAt: minutesFrom(new Date(), inMinutes).toISOString(),
      updates: { enabled: true },
    });
  const schedules = () => db.sql('SELECT scheduled_at, created_at, cancelled_at FROM feature_flag_schedules');
  return { api, db, create, schedules };
};

it('an API whose clock is an hour slow refuses an instant that the database knows to be past, and stores nothing', async () => {
  const { db, create, schedules } = await startApi(-60);
  const events = await countEvents(db);
  expect(await create(-30)).toMatchObject({ __typename: 'ValidationError', issues: [{ path: ['scheduledAt'] }] });
  expect(await schedules()).toEqual([]);
  expect(await countEvents(db)).toBe(events);
});

it('an API whose clock is an hour fast takes an instant that the database knows to be ahead', async () => {
  const { create } = await startApi(60);
  expect(await create(30)).toMatchObject({ __typename: 'Schedule', status: 'PENDING' });
});

it.each([-60, 60])(
  'whatever the API’s clock says (%i minutes off), a schedule is created and cancelled at the database’s time, in its row and in its events',
  async (minutes) => {
    const { api, db, create, schedules } = await startApi(minutes);
    const before = minutesFrom(new Date(), -1);
    const { id, createdAt } = await create(90);
    const { cancelledAt } = await cancelSchedule(api, { id });
    const after = minutesFrom(new Date(), 1);
    const [row] = await schedules();
    const events = await db.sql<{ at: string }>(
      `SELECT entry ->> 'timestamp' AS at FROM (SELECT split_part(event, E'\\n', 1)::json AS entry FROM audit_outbox) waiting
       WHERE entry ->> 'eventType' LIKE 'flag_schedule.%'`,
    );
    expect(events).toHaveLength(2);
    const told = [createdAt, cancelledAt, row?.created_at, row?.cancelled_at, ...events.map(({ at }) => at)];
    for (const instant of told.map((at) => new Date(String(at)))) {
      expect(instant.getTime()).toBeGreaterThan(before.getTime());
      expect(instant.getTime()).toBeLessThan(after.getTime());
    }
  },
);
