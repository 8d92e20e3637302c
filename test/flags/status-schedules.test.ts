import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/model/audit-event.ts';
import { createPostgresDatabase, openBeside, type PostgresTestDatabase } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, numbers, type Spine } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

// A status is the same in all environments, so schedules of one flag meet there, whichever environments they are of.

/** Schedules a second apart, in the three environments by turns of no fixed order; three of four set the status. */
const seedDue = ({ sql }: PostgresTestDatabase, count: number) =>
  sql(
    `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
     SELECT gen_random_uuid(), f.id, f.key, (ARRAY['production', 'staging', 'development'])[1 + (n * n + n / 3) % 3],
       now() - make_interval(secs => $1 - n),
       jsonb_build_object('enabled', n % 2 = 0, 'defaultVariant', (n % 100)::text)
         || CASE WHEN n % 4 = 0 THEN '{}' ELSE jsonb_build_object('status', (ARRAY['DEPRECATED', 'ARCHIVED', 'ACTIVE'])[n % 4]) END,
       now(), now()
     FROM generate_series(1, $1::int) n, feature_flags f WHERE f.key = 'flag'`,
    [count],
  );

const isApplied = ({ eventType }: AuditEvent) => eventType === 'flag_schedule.applied';

/** What is true of every log of one flag: its status goes on where it was, and its states count their changes. */
const expectOneStory = (events: readonly AuditEvent[]) => {
  let status: unknown = 'ACTIVE';
  let statusChanges = 0;
  const versions = new Map<string, unknown>();
  for (const { previousState, newState, environment, eventType, metadata } of events) {
    expect(previousState?.status, `before ${eventType} ${JSON.stringify(metadata)}`).toBe(status);
    status = newState?.status;
    if (previousState?.status !== status) statusChanges++;
    // Events of the flag itself count the flag's versions, not a state's.
    if (newState && 'key' in newState) continue;
    expect(previousState?.version).toBe(versions.get(environment) ?? 1);
    versions.set(environment, newState?.version);
  }
  return { status, version: 1 + statusChanges };
};

const readFlag = async ({ sql }: PostgresTestDatabase) =>
  (await sql<{ status: string; version: number }>('SELECT status, version FROM feature_flags'))[0];

/** Both workers at work until nothing of the flag is pending; how many batches each of them applied. */
const workAll = async (db: PostgresTestDatabase, workers: readonly Spine[]) => {
  const isDone = async () =>
    (await db.sql(`SELECT 1 FROM feature_flag_schedules WHERE status = 'PENDING' AND flag_key = 'flag' LIMIT 1`)).length === 0;
  return Promise.all(
    workers.map(async (worker) => {
      let batches = 0;
      while (!(await isDone())) {
        const { applied, failed } = await worker.applyDue();
        expect(failed.map(({ schedule }) => schedule.errorMessage)).toEqual([]);
        if (applied.length > 0) batches++;
      }
      return batches;
    }),
  );
};

const setUp = async (batchSize: number) => {
  const db = await createPostgresDatabase();
  const workers = [
    await makeSpine(db.database, { batchSize }),
    await makeSpine(await openBeside(db.url), { batchSize }),
  ] as const;
  await workers[0].createFlag(anAdmin(), { key: 'flag', name: 'Flag', type: 'NUMBER', variants: numbers });
  const eventsOf = async () => {
    await workers[0].sequence();
    return (await readLog(db)).filter(({ eventType }) => eventType !== 'flag.created');
  };
  return { db, workers, eventsOf };
};

describe('two workers', () => {
  it('apply 1,000 schedules of one flag in three environments in order, each once', async () => {
    const count = 1000;
    const { db, workers, eventsOf } = await setUp(25);
    await seedDue(db, count);
    for (const batches of await workAll(db, workers)) expect(batches).toBeGreaterThan(1);

    const events = await eventsOf();
    expect(events.every(isApplied)).toBe(true);
    expect(new Set(events.map(({ scheduleId }) => scheduleId)).size).toBe(count);
    const instants = events.map(({ metadata }) => String(metadata.scheduledAt));
    expect(instants).toEqual(instants.toSorted());
    expect(await readFlag(db)).toEqual(expectOneStory(events));
  });

  it('keep the order also where one has looked at what is due before the other commits', async () => {
    const { db, workers, eventsOf } = await setUp(2);
    await workers[0].createFlag(anAdmin(), { key: 'other', name: 'Other' });
    await seedDue(db, 80);
    // They are due last, and to look through them takes longer than a commit: each worker sees what the other is just applying.
    await db.sql(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
       SELECT gen_random_uuid(), f.id, f.key, 'production', now(), '{"enabled": true}', now(), now()
       FROM generate_series(1, 20000), feature_flags f WHERE f.key = 'other'`,
    );
    await workAll(db, workers);
    const instants = (await eventsOf())
      .filter(({ flagKey }) => flagKey === 'flag')
      .map(({ metadata }) => String(metadata.scheduledAt));
    expect(instants).toHaveLength(80);
    expect(instants).toEqual(instants.toSorted());
  });

  it('and admins who change states and the status meanwhile lose nothing of each other', async () => {
    const { db, workers, eventsOf } = await setUp(5);
    const [spine] = workers;
    await seedDue(db, 300);
    // Whoever finds the flag archived can only make it active again: the schedules go on from there.
    await db.sql(
      `UPDATE feature_flag_schedules SET updates = updates || '{"status": "DEPRECATED"}' WHERE updates ->> 'status' = 'ARCHIVED'`,
    );
    const statuses = ['DEPRECATED', 'ACTIVE'] as const;
    const admins = Array.from({ length: 60 }, async (_, n) => {
      const status = statuses[n % 2];
      const environment = ['production', 'staging', 'development'][n % 3] ?? '';
      if (n % 3 === 0) await spine.setFlagStatus(anAdmin(), { flagKey: 'flag' }, status ?? 'ACTIVE');
      else await spine.updateFlagState(anAdmin(), { flagKey: 'flag', environment, updates: { rolloutPercentage: n, status } });
    });
    await Promise.all([workAll(db, workers), ...admins]);

    const events = await eventsOf();
    const applied = events.filter(isApplied);
    expect(new Set(applied.map(({ scheduleId }) => scheduleId)).size).toBe(300);
    expect(applied).toHaveLength(300);
    const instants = applied.map(({ metadata }) => String(metadata.scheduledAt));
    expect(instants).toEqual(instants.toSorted());
    expect(await readFlag(db)).toEqual(expectOneStory(events));
  });
});

it('counts each change of status in one batch, also where the last one undoes the first', async () => {
  const db = await createPostgresDatabase();
  const clock = manualClock();
  const spine = await makeSpine(db.database, { clock });
  await spine.createFlag(anAdmin(), { key: 'flag', name: 'Flag' });
  const environments = ['production', 'staging', 'development'];
  for (const [n, status] of (['DEPRECATED', 'ARCHIVED', 'ACTIVE'] as const).entries()) {
    await addDue(spine, clock, { flagKey: 'flag', minutesAgo: 9 - n, environment: environments[n] ?? '', updates: { status } });
  }
  const { applied } = await spine.applyDue();
  expect(applied.map(({ next }) => next.flag.status)).toEqual(['DEPRECATED', 'ARCHIVED', 'ACTIVE']);
  expect(await readFlag(db)).toEqual({ status: 'ACTIVE', version: 4 });
});
