import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, temporaryFolder } from '../support/service.ts';
import { anAdmin, makeSpine, minutesFrom, numbers } from '../support/spine.ts';
import { countSchedules, makeDue, readLog, untilOutboxIsEmpty } from '../support/tables.ts';

const main = path.resolve('src/main.ts');

/** `flagtrail worker`, as `npm run worker` starts it. */
const startWorker = (databaseUrl: string) => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'worker'], {
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DATABASE_URL: databaseUrl,
      DATA_DIR: temporaryFolder(),
      LOG_LEVEL: 'warn',
    },
    stdio: 'ignore',
  });
  const gone = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await gone;
  };
  onTestFinished(kill);
  return { kill };
};

it('workers killed in the midst of a batch lose nothing and do nothing twice', async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  const keys = Array.from({ length: 20 }, (_, n) => `flag-${n}`);
  for (const key of keys) await spine.createFlag(anAdmin(), { key, name: key, type: 'NUMBER', variants: numbers });
  await db.sql(
    `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
     SELECT gen_random_uuid(), f.id, f.key, 'production', now() - make_interval(secs => 1500 - n),
       jsonb_build_object('defaultVariant', (n / 20)::text), now(), now()
     FROM feature_flags f, generate_series(1, 1500) n WHERE f.key = 'flag-' || (n % 20)`,
  );
  // The second batch stops in the midst of saving: at a row whose lock this test holds.
  const [stop] = await db.sql<{ id: string }>('SELECT id FROM feature_flag_schedules ORDER BY scheduled_at LIMIT 1 OFFSET 700');
  await db.database.runScript(`
    CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
    CREATE TRIGGER wait_for_test BEFORE UPDATE ON feature_flag_schedules FOR EACH ROW WHEN (OLD.id = '${stop?.id}')
      EXECUTE FUNCTION wait_for_test()`);
  await db.sql('SELECT pg_advisory_lock(4711)');
  const worker = startWorker(db.url);
  const waiting = () => db.sql(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
  await expect.poll(waiting, { timeout: 20_000 }).toHaveLength(1);
  await worker.kill();
  const applied = async () => await countSchedules(db, 'APPLIED');
  expect(await applied()).toBe(500);
  // Only now does the server find out that nobody is there for the batch: it ends without a commit.
  await db.sql('SELECT pg_advisory_unlock(4711)');
  await db.database.runScript('DROP FUNCTION wait_for_test CASCADE');

  // Another one takes over, and is killed whenever it happens to be at it.
  const second = startWorker(db.url);
  await expect.poll(applied, { timeout: 20_000, interval: 1 }).toBeGreaterThan(500);
  await second.kill();
  while ((await spine.applyDue()).applied.length > 0);
  expect(await applied()).toBe(1500);

  await spine.sequence();
  const events = (await readLog(db)).filter(({ eventType }) => eventType !== 'flag.created');
  expect(events).toHaveLength(1500);
  expect(new Set(events.map(({ scheduleId }) => scheduleId)).size).toBe(1500);
  for (const ofFlag of Map.groupBy(events, ({ flagKey }) => flagKey).values()) {
    const numbers = ofFlag.map(({ newState }) => Number(newState?.defaultVariant));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
});

it('connections that the server ends cost an operation its answer at most: what is tried again works, and is there once', async () => {
  const db = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api,audit', LOG_LEVEL: 'silent' } });
  const spine = await makeSpine(db.database);
  await spine.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  await db.database.runScript(`
    CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
    CREATE TRIGGER wait_for_test BEFORE INSERT OR UPDATE ON feature_flag_schedules FOR EACH ROW EXECUTE FUNCTION wait_for_test()`);
  const terminate = () =>
    db.sql(`SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND NOT l.granted`);
  const scheduledAt = minutesFrom(new Date(), 60).toISOString();
  const input = { flagKey: 'checkout', scheduledAt, updates: { enabled: true }, idempotencyKey: 'once' };
  const create = () =>
    service.gql<{ createSchedule: { id: string } }>(
      'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { ... on Schedule { id } } }',
      { input },
    );

  await db.sql('SELECT pg_advisory_lock(4711)');
  const creating = create();
  await expect.poll(terminate).toHaveLength(1);
  const { data, errors } = await creating;
  expect(data?.createSchedule).toBeUndefined();
  expect(errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
  expect(JSON.stringify(errors)).not.toMatch(/terminat|57P01|prisma|postgres/i);
  await db.sql('SELECT pg_advisory_unlock(4711)');
  const id = (await create()).data?.createSchedule.id;
  expect((await create()).data?.createSchedule.id).toBe(id);

  await makeDue(db, { ago: '1 minute' });
  await db.sql('SELECT pg_advisory_lock(4711)');
  const batch = spine.applyDue();
  batch.catch(() => {});
  await expect.poll(terminate).toHaveLength(1);
  await expect(batch).rejects.toThrow();
  await db.sql('SELECT pg_advisory_unlock(4711)');
  expect((await spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual([id]);
  await untilOutboxIsEmpty(db);
  const events = (await readLog(db)).filter(({ scheduleId }) => scheduleId === id);
  expect(events.map(({ eventType }) => eventType)).toEqual(['flag_schedule.created', 'flag_schedule.applied']);
});
