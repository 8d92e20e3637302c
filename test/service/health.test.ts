import pg from 'pg';
import { expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { request } from '../support/raw-http.ts';
import { startTestService } from '../support/service.ts';

const gauge = (text: string, name: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );

it('a service whose other connections all wait for locks is ready, and says how it is', async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url, env: { DATABASE_CONNECTIONS: '5' } });
  const beside = new pg.Client({ connectionString: database.ownerUrl });
  await beside.connect();
  atTestEnd(() => beside.end());
  await beside.query('BEGIN');
  await beside.query(
    'LOCK TABLE environments, feature_flags, audit_outbox, audit_head, sink_cursors, service_processes IN ACCESS EXCLUSIVE MODE',
  );
  const stuck = Array.from({ length: 10 }, () => service.gql('{ environments { key } flags { totalCount } }'));
  // The worker, the sequencer, the callers: each of them waits.
  await expect
    .poll(
      () =>
        database.sql(`SELECT DISTINCT application_name AS name FROM pg_stat_activity
          WHERE datname = current_database() AND application_name LIKE 'flagtrail %' AND wait_event_type = 'Lock' ORDER BY 1`),
      { timeout: 10_000 },
    )
    .toMatchObject([{ name: 'flagtrail pipeline' }, { name: 'flagtrail reads' }, { name: 'flagtrail worker' }]);
  const scrapes = Array.from({ length: 30 }, () => request(`${service.url}/metrics`));
  await expect.poll(async () => (await request(`${service.url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
  const isUp = async () => gauge((await request(`${service.url}/metrics`)).text, 'flagtrail_database_up');
  await expect.poll(isUp, { timeout: 10_000 }).toBe(1);
  await Promise.all(scrapes);
  await beside.query('COMMIT');
  for (const { errors } of await Promise.all(stuck)) expect(errors).toBeUndefined();
});

it('metrics tell how many events wait for their position, and for how long the oldest of them has', async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'api' } });
  await emitEvents(database, [{}, {}, {}]);
  await database.sql(
    `UPDATE audit_outbox SET created_at = now() - interval '90 seconds' WHERE id = (SELECT min(id) FROM audit_outbox)`,
  );
  await database.sql(
    `UPDATE audit_outbox SET created_at = now() - interval '20 seconds' WHERE id = (SELECT max(id) FROM audit_outbox)`,
  );
  await expect.poll(async () => gauge((await request(`${service.url}/metrics`)).text, 'flagtrail_sequencer_lag_events')).toBe(3);
  const seconds = gauge((await request(`${service.url}/metrics`)).text, 'flagtrail_sequencer_lag_seconds');
  expect(seconds).toBeGreaterThanOrEqual(90);
  expect(seconds).toBeLessThan(180);
});

it('metrics count what the worker applied, and what it failed', async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url });
  await service.gql('mutation { createFlag(input: { key: "f", name: "F" }) { __typename } }');
  for (const [environment, variant] of [
    ['production', 'on'],
    ['development', 'on'],
    ['staging', 'none that there is'],
  ])
    await database.sql(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, created_at, updated_at, updates)
       SELECT gen_random_uuid(), id, key, $1, now(), now(), now(), jsonb_build_object('defaultVariant', $2::text) FROM feature_flags`,
      [environment, variant],
    );
  const counts = async () => {
    const { text } = await request(`${service.url}/metrics`);
    return ['applied', 'failed'].map((outcome) => gauge(text, `flagtrail_schedules_total{outcome="${outcome}"}`));
  };
  await expect.poll(counts, { timeout: 10_000 }).toEqual([2, 1]);
});
