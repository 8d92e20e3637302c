import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { type Fault, startFaultyProxy } from '../support/faulty-proxy.ts';
import { request } from '../support/raw-http.ts';
import { startTestService } from '../support/service.ts';

/** Well above the few seconds that it takes, and well below what a statement may take. */
const soon = { timeout: 9000, interval: 100 };

const startBehindProxy = async () => {
  const database = await createPostgresDatabase();
  const proxy = await startFaultyProxy(database.url);
  const service = await startTestService({ databaseUrl: proxy.url });
  const isReady = async () => (await request(`${service.url}/readyz`)).status === 200;
  let flags = 0;
  const createFlag = async () => {
    const key = `flag-${++flags}`;
    const { errors } = await service.gql(
      'mutation ($key: String!) { createFlag(input: { key: $key, name: "F" }) { __typename } }',
      {
        key,
      },
    );
    return errors ? null : key;
  };
  const addDue = async (flagKey: string) => {
    await database.sql(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, created_at, updated_at, updates)
       SELECT gen_random_uuid(), id, key, 'production', now(), now(), now(), '{"enabled": true}' FROM feature_flags WHERE key = $1`,
      [flagKey],
    );
  };
  const isApplied = async (flagKey: string) => {
    const [row] = await database.sql<{ status: string }>('SELECT status FROM feature_flag_schedules WHERE flag_key = $1', [
      flagKey,
    ]);
    return row?.status === 'APPLIED';
  };
  const eventsOf = async (flagKey: string) => {
    const [row] = await database.sql<{ n: number }>('SELECT count(*) AS n FROM audit_log WHERE flag_key = $1', [flagKey]);
    return row?.n;
  };
  return { database, proxy, service, isReady, createFlag, addDue, isApplied, eventsOf };
};

it.each<[string, Fault]>([
  ['nothing passes', { swallows: ['requests', 'answers'] }],
  ['what the service sends is lost', { swallows: ['requests'] }],
  ['what the server answers is lost', { swallows: ['answers'] }],
])(
  'where connections stay open but %s, the service opens others: it is ready, applies, logs and changes soon',
  async (_what, fault) => {
    const { proxy, isReady, createFlag, addDue, isApplied, eventsOf } = await startBehindProxy();
    // Statements side by side, so that every pool has its connections open.
    await Promise.all(Array.from({ length: 8 }, createFlag));
    proxy.disturb({ standing: fault });
    await addDue('flag-1');
    await Promise.all([
      expect.poll(isReady, soon).toBe(true),
      expect.poll(createFlag, soon).not.toBeNull(),
      expect.poll(() => isApplied('flag-1'), soon).toBe(true),
      expect.poll(() => eventsOf('flag-1'), soon).toBe(2),
    ]);
  },
);

it('where the database says nothing at all, /readyz says so at once, and the service goes on soon after it speaks again', async () => {
  const { proxy, service, isReady, createFlag, addDue, isApplied, eventsOf } = await startBehindProxy();
  const flag = await createFlag();
  proxy.goSilent();
  for (const _again of [1, 2, 3]) {
    const answer = await fetch(`${service.url}/readyz`, { signal: AbortSignal.timeout(1500) });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ reasons: [expect.stringMatching(/^the database does not answer: /)] });
  }
  expect((await service.gql('{ environments { key } }')).errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
  proxy.heal();
  await addDue(flag ?? '');
  await Promise.all([
    expect.poll(isReady, soon).toBe(true),
    expect.poll(createFlag, soon).not.toBeNull(),
    expect.poll(() => isApplied(flag ?? ''), soon).toBe(true),
    expect.poll(() => eventsOf(flag ?? ''), soon).toBe(2),
  ]);
});
