import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/kernel/errors.ts';
import { createPostgresDatabase, openBeside, type PostgresTestDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine, minutesFrom, type Spine } from '../support/spine.ts';
import { changeSchedule, readLog, readSchedule, readSchedules } from '../support/tables.ts';

const patient = { timeout: 120_000 };

/** Schedules of ten flags in turn, all of them due, the oldest first. */
const seed = async (db: PostgresTestDatabase, spine: Spine, count: number) => {
  for (let n = 0; n < 10; n++) await spine.createFlag(anAdmin(), { key: `flag-${n}`, name: 'F' });
  await db.sql(
    `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
     SELECT gen_random_uuid(), f.id, f.key, 'production', now() - make_interval(secs => $1 - n),
       jsonb_build_object('rolloutPercentage', n % 101), now(), now()
     FROM generate_series(1, $1::int) n JOIN feature_flags f ON f.key = 'flag-' || n % 10`,
    [count],
  );
  const rows = await readSchedules(db);
  return rows.map(({ id }) => id);
};
const answerOf = (work: Promise<{ status: string }>) =>
  work.then(
    ({ status }) => status,
    (error: unknown) => {
      if (error instanceof DomainError) return error.code;
      throw error;
    },
  );
/** Every event of a schedule, by its id. */
const trails = async (db: PostgresTestDatabase, spine: Spine) => {
  await spine.sequence();
  return Map.groupBy(
    (await readLog(db)).filter(({ scheduleId }) => scheduleId !== null),
    ({ scheduleId }) => scheduleId,
  );
};

describe('editing', () => {
  it(
    'races the worker 200 times: exactly one of the two wins, and nothing that was moved fires at the old time',
    patient,
    async () => {
      const db = await createPostgresDatabase();
      const spine = await makeSpine(db.database);
      const worker = await makeSpine(await openBeside(db.url), { batchSize: 3 });
      const ids = await seed(db, spine, 200);
      const scheduledAt = minutesFrom(new Date(), 60);
      // The worker comes from the oldest, the admins from the newest; where they meet, and all along the way, they race.
      const queue = ids.entries();
      const answers = new Map<string, string>();
      const admin = async () => {
        for (const [, id] of queue) answers.set(id, await answerOf(spine.updateSchedule(anAdmin(), { id, scheduledAt })));
      };
      const apply = async () => {
        while (answers.size < ids.length) await worker.applyDue();
      };
      await Promise.all([apply(), admin(), admin(), admin()]);
      await worker.applyDue();

      const rows = await readSchedules(db);
      const events = await trails(db, spine);
      for (const { id, status, scheduled_at, version } of rows) {
        expect(answers.get(id)).toBe(status === 'PENDING' ? 'PENDING' : 'SCHEDULE_NOT_EDITABLE');
        expect(events.get(id)?.map(({ eventType }) => eventType)).toEqual([
          status === 'PENDING' ? 'flag_schedule.updated' : 'flag_schedule.applied',
        ]);
        if (status === 'PENDING') expect(scheduled_at).toEqual(scheduledAt);
        expect(version).toBe(2);
      }
      expect(rows).toHaveLength(200);
      expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['APPLIED', 'PENDING']));
    },
  );
});

describe('applying by hand', () => {
  it('races the worker and cancellations of one and of many, without a deadlock: exactly one of them wins', patient, async () => {
    const db = await createPostgresDatabase();
    const spine = await makeSpine(db.database);
    const worker = await makeSpine(await openBeside(db.url), { batchSize: 3 });
    const ids = await seed(db, spine, 150);
    const queue = ids.entries();
    const answers = new Map<string, string[]>();
    const admin = async () => {
      for (const [n, id] of queue) {
        const work = [
          answerOf(spine.applySchedule(anAdmin(), { id })),
          answerOf(spine.cancelSchedule(anAdmin(), { id })),
          ...(n % 10 === 0
            ? [spine.cancelSchedules(anAdmin(), { filter: { flagKey: `flag-${n % 7}`, createdBy: null } }).then(() => 'many')]
            : []),
        ];
        answers.set(id, await Promise.all(work));
      }
    };
    const apply = async () => {
      while (answers.size < ids.length) await worker.applyDue();
    };
    await Promise.all([apply(), admin(), admin()]);

    const rows = await readSchedules(db);
    const events = await trails(db, spine);
    for (const { id, status } of rows) {
      const [applied, cancelled] = answers.get(id) ?? [];
      // FAILED: what was applied by hand is newer than what was due before, so that it is superseded.
      if (status === 'FAILED') expect(events.get(id)?.[0]?.errorMessage).toContain('superseded');
      else expect(['APPLIED', 'CANCELLED']).toContain(status);
      expect(events.get(id)?.map(({ eventType }) => eventType)).toEqual([`flag_schedule.${status.toLowerCase()}`]);
      // At most one of the two was told that it had won, and only if that is how it ended.
      if (applied === 'APPLIED') expect([status, cancelled]).toEqual(['APPLIED', 'SCHEDULE_NOT_CANCELLABLE']);
      if (cancelled === 'CANCELLED') expect([status, applied]).toEqual(['CANCELLED', 'SCHEDULE_NOT_APPLICABLE']);
    }
    const byHand = [...answers.values()].filter(([applied]) => applied === 'APPLIED');
    expect(byHand.length).toBeGreaterThan(0);
    // Each change of a flag starts from what the one before it left.
    await spine.sequence();
    const changes = (await readLog(db)).filter(({ eventType }) => eventType === 'flag_schedule.applied');
    for (const ofFlag of Map.groupBy(changes, ({ flagKey }) => flagKey).values()) {
      for (const [n, event] of ofFlag.entries()) if (n > 0) expect(event.previousState).toEqual(ofFlag[n - 1]?.newState);
    }
  });
});

describe('cancelling many', () => {
  it('leaves what is moved out of the filter while it waits for it', async () => {
    const db = await createPostgresDatabase();
    const spine = await makeSpine(db.database);
    const [moved = '', meant = ''] = await seed(db, spine, 2);
    await db.sql('BEGIN');
    await changeSchedule(db, moved, { scheduledAt: minutesFrom(new Date(), 60) });
    const cancelling = spine.cancelSchedules(anAdmin(), { filter: { to: minutesFrom(new Date(), 30) } });
    await expect
      .poll(
        () =>
          db.database.prisma
            .$queryRaw`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
      .toHaveLength(1);
    await db.sql('COMMIT');
    expect((await cancelling).map(({ id }) => id)).toEqual([meant]);
    expect(await readSchedule(db, moved)).toMatchObject({ status: 'PENDING' });
  });

  it(
    'and editing at the same time: what was moved out of the filter stays, what was cancelled cannot be edited',
    patient,
    async () => {
      const db = await createPostgresDatabase();
      const spine = await makeSpine(db.database);
      const ids = await seed(db, spine, 100);
      const [from, scheduledAt] = [minutesFrom(new Date(), 30), minutesFrom(new Date(), 60)];
      const cancelled: string[] = [];
      const answers = new Map<string, string>();
      await Promise.all([
        (async () => {
          for (const [n, id] of ids.entries()) {
            answers.set(id, await answerOf(spine.updateSchedule(anAdmin(), { id, scheduledAt })));
            if (n === 40)
              cancelled.push(...(await spine.cancelSchedules(anAdmin(), { filter: { to: from } })).map((one) => one.id));
          }
        })(),
        (async () => {
          cancelled.push(
            ...(await spine.cancelSchedules(anAdmin(), { filter: { flagKey: 'flag-1', to: from } })).map((one) => one.id),
          );
        })(),
      ]);
      for (const id of ids) {
        const status = (await readSchedule(db, id)).status;
        expect([id, status, answers.get(id)]).toEqual(
          cancelled.includes(id) ? [id, 'CANCELLED', 'SCHEDULE_NOT_EDITABLE'] : [id, 'PENDING', 'PENDING'],
        );
      }
      expect(cancelled.length).toBeGreaterThan(50);
    },
  );
});
