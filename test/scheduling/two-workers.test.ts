import { describe, expect, it } from 'vitest';
import { createPostgresDatabase, openBeside, type PostgresTestDatabase } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, numbers, type Spine } from '../support/spine.ts';
import { countSchedules, deleteFlagRow, readLog, readSchedules } from '../support/tables.ts';

const seedFlags = async (spine: Spine, flags: number) => {
  const keys = Array.from({ length: flags }, (_, n) => `flag-${n}`);
  await Promise.all(keys.map((key) => spine.createFlag(anAdmin(), { key, name: key, type: 'NUMBER', variants: numbers })));
  return keys;
};

/** Schedules of every flag in turn, a second apart, the last one due now; each sets a rollout that tells its number. */
const seedDue = ({ sql }: PostgresTestDatabase, count: number) =>
  sql(
    `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
     SELECT gen_random_uuid(), f.id, f.key, 'production', now() - make_interval(secs => $1 - n),
       jsonb_build_object('rolloutPercentage', (n / flags) % 101, 'defaultVariant', (n / flags % 100)::text), now(), now()
     FROM generate_series(1, $1::int) n, (SELECT count(*)::int AS flags FROM feature_flags) c,
       LATERAL (SELECT id, key FROM feature_flags ORDER BY key LIMIT 1 OFFSET n % flags) f`,
    [count],
  );

describe('two workers', () => {
  it('apply 2,000 due schedules once each, those of one flag in order; the last one is what holds', async () => {
    const db = await createPostgresDatabase();
    const beside = await openBeside(db.url);
    const workers = [await makeSpine(db.database, { batchSize: 60 }), await makeSpine(beside, { batchSize: 60 })] as const;
    const [spine] = workers;
    await seedFlags(spine, 40);
    await seedDue(db, 2000);
    const due = async () => await countSchedules(db, 'PENDING');
    const batches = await Promise.all(
      workers.map(async (worker) => {
        let count = 0;
        while ((await due()) !== 0) {
          const { applied, failed } = await worker.applyDue();
          expect(failed).toEqual([]);
          if (applied.length > 0) count++;
          await worker.sequence();
        }
        return count;
      }),
    );
    // Otherwise one of them did it all, and nothing was shown.
    for (const count of batches) expect(count).toBeGreaterThan(1);

    await spine.sequence();
    const events = (await readLog(db)).filter(({ eventType }) => eventType !== 'flag.created');
    expect(events).toHaveLength(2000);
    expect(new Set(events.map(({ scheduleId }) => scheduleId)).size).toBe(2000);
    expect(events.every(({ eventType }) => eventType === 'flag_schedule.applied')).toBe(true);
    for (const [flagKey, ofFlag] of Map.groupBy(events, (event) => event.flagKey)) {
      const instants = ofFlag.map(({ metadata }) => String(metadata.scheduledAt));
      expect(instants, `${flagKey}`).toEqual(instants.toSorted());
      const versions = ofFlag.map(({ newState }) => newState?.version);
      expect(versions).toEqual(versions.map((_, n) => n + 2));
    }
    const wrong = await db.sql(
      `SELECT f.key FROM feature_flags f JOIN feature_flag_states s ON s.flag_id = f.id AND s.environment_key = 'production'
       WHERE s.default_variant IS DISTINCT FROM (SELECT d.updates ->> 'defaultVariant' FROM feature_flag_schedules d
         WHERE d.flag_id = f.id ORDER BY d.scheduled_at DESC, d.id DESC LIMIT 1)`,
    );
    expect(wrong).toEqual([]);
  });

  it('never overtake each other: 09:01 waits while another worker holds 09:00 of the same flag', async () => {
    const db = await createPostgresDatabase();
    const clock = manualClock();
    const [slow, fast] = [await makeSpine(db.database, { clock }), await makeSpine(await openBeside(db.url), { clock })];
    await seedFlags(slow, 2);
    const first = await addDue(slow, clock, { flagKey: 'flag-0', minutesAgo: 2, updates: { rolloutPercentage: 1 } });
    const holding = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const slowBatch = slow.inTransaction(async ({ schedules }) => {
      const { due } = await schedules.claimDue(500);
      holding.resolve();
      await goOn.promise;
      return due.map(({ schedule }) => schedule.id);
    });
    await holding.promise;
    // They become due while the slow worker is at it: another one of the same flag, and one of another flag.
    const second = await addDue(fast, clock, { flagKey: 'flag-0', minutesAgo: 1, updates: { rolloutPercentage: 2 } });
    const other = await addDue(fast, clock, { flagKey: 'flag-1', minutesAgo: 1 });
    expect((await fast.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual([other.id]);
    goOn.resolve();
    expect(await slowBatch).toEqual([first.id]);
    expect((await fast.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual([first.id, second.id]);
  });

  it('wait for nobody who holds a schedule whose flag is gone, and fail that one later', async () => {
    const db = await createPostgresDatabase();
    const clock = manualClock();
    const worker = await makeSpine(db.database, { clock });
    await seedFlags(worker, 2);
    const orphan = await addDue(worker, clock, { flagKey: 'flag-0', minutesAgo: 2 });
    const other = await addDue(worker, clock, { flagKey: 'flag-1', minutesAgo: 1 });
    await deleteFlagRow(db, 'flag-0');
    await db.sql('BEGIN');
    await db.sql('SELECT 1 FROM feature_flag_schedules WHERE id = $1 FOR UPDATE', [orphan.id]);
    const { applied, failed } = await worker.applyDue();
    expect([applied.map(({ schedule }) => schedule.id), failed]).toEqual([[other.id], []]);
    await db.sql('ROLLBACK');
    expect((await worker.applyDue()).failed.map(({ schedule }) => schedule.id)).toEqual([orphan.id]);
  });

  it('and an admin who changes the flag at the same time all get their turn', async () => {
    const db = await createPostgresDatabase();
    const workers = [
      await makeSpine(db.database, { batchSize: 5 }),
      await makeSpine(await openBeside(db.url), { batchSize: 5 }),
    ] as const;
    const [spine] = workers;
    const [flagKey = ''] = await seedFlags(spine, 1);
    await seedDue(db, 40);
    const changes = Array.from({ length: 40 }, (_, n) => n);
    await Promise.all([
      ...workers.map(async (worker) => {
        for (let idle = 0; idle < 3; ) idle = (await worker.applyDue()).applied.length === 0 ? idle + 1 : 0;
      }),
      ...changes.map((n) =>
        spine.updateFlagState(anAdmin(), { flagKey, environment: 'production', updates: { enabled: n % 2 === 0 } }),
      ),
    ]);
    while ((await spine.applyDue()).applied.length > 0);
    await spine.sequence();
    const events = (await readLog(db)).filter(({ eventType }) => eventType !== 'flag.created');
    // Each change starts from what the one before it left: none was lost, none was made on stale values.
    for (const [n, event] of events.entries()) {
      if (n > 0) expect(event.previousState).toEqual(events[n - 1]?.newState);
    }
    expect(events.filter(({ eventType }) => eventType === 'flag_schedule.applied')).toHaveLength(40);
  });
});

it('cancelling races applying, 500 times: exactly one of the two wins, and the log agrees', async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  const worker = await makeSpine(await openBeside(db.url), { batchSize: 7 });
  await seedFlags(spine, 50);
  await seedDue(db, 500);
  const ids = (await readSchedules(db)).map(({ id }) => id);

  // The worker comes from the oldest, the admins from the newest; where they meet, and all along the way, they race.
  const queue = ids.entries();
  const answers = new Map<string, string>();
  const admin = async () => {
    for (const [, id] of queue) {
      const answer = await spine.cancelSchedule(anAdmin(), { id }).then(
        ({ status }) => status,
        (error) => `${error.code} ${error.status}`,
      );
      answers.set(id, answer);
    }
  };
  const apply = async () => {
    while (answers.size < ids.length) await worker.applyDue();
  };
  await Promise.all([apply(), admin(), admin(), admin()]);

  const rows = await readSchedules(db);
  await spine.sequence();
  const events = Map.groupBy(
    (await readLog(db)).filter(({ scheduleId }) => scheduleId !== null),
    ({ scheduleId }) => scheduleId,
  );
  for (const { id, status } of rows) {
    expect(answers.get(id)).toBe(status === 'CANCELLED' ? 'CANCELLED' : 'SCHEDULE_NOT_CANCELLABLE APPLIED');
    expect(events.get(id)?.map(({ eventType }) => eventType)).toEqual([`flag_schedule.${status.toLowerCase()}`]);
  }
  expect(rows).toHaveLength(500);
  expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['APPLIED', 'CANCELLED']));
});
