import { expect, it } from 'vitest';
import { FlagNotFoundError } from '../../src/flags/model/flag-errors.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine, minutesFrom } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

// The test holds a lock in a transaction of its own, so that what it starts meets where the test wants it to.

const setUp = async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  await spine.createFlag(anAdmin(), { key: 'f', name: 'f' });
  /** Until so many sessions of this database wait for a lock; asked beside the test's transaction. */
  const untilWaiting = (count: number) =>
    expect
      .poll(async () => {
        const [row] = await db.database.prisma.$queryRaw<{ count: number }[]>`
          SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        return row?.count;
      })
      .toBe(count);
  const statuses = () =>
    db.sql<{ status: string; reason: string | null }>(
      'SELECT status, cancel_reason AS reason FROM feature_flag_schedules ORDER BY created_at',
    );
  return { db, spine, untilWaiting, statuses };
};
const toEnable = (idempotencyKey?: string) => ({
  flagKey: 'f',
  environment: 'production',
  scheduledAt: minutesFrom(new Date(), 60),
  updates: { enabled: true },
  ...(idempotencyKey && { idempotencyKey }),
});

it('a flag is deleted only after a schedule that is being created for it, and cancels that too', async () => {
  const { db, spine, untilWaiting, statuses } = await setUp();
  await db.sql('BEGIN');
  // The same key of the same admin: the creation waits with the flag in its hands until the test gives it up.
  await db.sql(
    `INSERT INTO feature_flag_schedules (id, flag_key, environment_key, scheduled_at, updates, created_by, idempotency_key, created_at, updated_at)
     VALUES (gen_random_uuid(), 'other', 'production', now(), '{}', 'admin-a', 'once', now(), now())`,
  );
  const creating = spine.createSchedule(anAdmin(), toEnable('once'));
  await untilWaiting(1);
  const deleting = spine.deleteFlag(anAdmin(), { flagKey: 'f' });
  await untilWaiting(2);
  await db.sql('ROLLBACK');
  const { id } = await creating;
  expect((await deleting).cancelledByDeletion.map((schedule) => schedule.id)).toEqual([id]);
  expect(await statuses()).toEqual([{ status: 'CANCELLED', reason: 'flag_deleted' }]);
});

it('a schedule cannot be created for a flag that is being deleted, nor is one left that would wait for ever', async () => {
  const { db, spine, untilWaiting, statuses } = await setUp();
  const { id } = await spine.createSchedule(anAdmin(), toEnable());
  await db.sql('BEGIN');
  await db.sql('SELECT 1 FROM feature_flag_schedules WHERE id = $1 FOR UPDATE', [id]);
  const deleting = spine.deleteFlag(anAdmin(), { flagKey: 'f' });
  await untilWaiting(1);
  const refused = expect(spine.createSchedule(anAdmin(), toEnable())).rejects.toBeInstanceOf(FlagNotFoundError);
  await untilWaiting(2);
  await db.sql('ROLLBACK');
  await deleting;
  await refused;
  expect(await statuses()).toEqual([{ status: 'CANCELLED', reason: 'flag_deleted' }]);
});

it('two changes of a flag at the same time are both kept: the second starts from what the first one left', async () => {
  const { db, spine, untilWaiting } = await setUp();
  await db.sql('BEGIN');
  await db.sql('SELECT 1 FROM feature_flags FOR UPDATE');
  const changes = [
    spine.updateFlag(anAdmin(), { flagKey: 'f', name: 'A name' }),
    spine.updateFlag(anAdmin(), { flagKey: 'f', description: 'A description' }),
  ];
  await untilWaiting(2);
  await db.sql('ROLLBACK');
  await Promise.all(changes);
  expect(await db.sql('SELECT name, description, version FROM feature_flags')).toEqual([
    { name: 'A name', description: 'A description', version: 3 },
  ]);
  await spine.sequence();
  const [, first, second] = await readLog(db);
  expect(second?.previousState).toEqual(first?.newState);
});

it('a status and a state that change at the same time are both kept', async () => {
  const { db, spine, untilWaiting } = await setUp();
  await db.sql('BEGIN');
  await db.sql('SELECT 1 FROM feature_flags FOR UPDATE');
  const changes = [
    spine.setFlagStatus(anAdmin(), { flagKey: 'f' }, 'DEPRECATED'),
    spine.updateFlagState(anAdmin(), { flagKey: 'f', environment: 'production', updates: { rolloutPercentage: 5 } }),
    spine.updateFlagState(anAdmin(), { flagKey: 'f', environment: 'production', updates: { enabled: true } }),
  ];
  await untilWaiting(3);
  await db.sql('ROLLBACK');
  await Promise.all(changes);
  expect(
    await db.sql(
      `SELECT f.status, s.enabled, s.rollout_percentage AS rollout, s.version FROM feature_flags f
       JOIN feature_flag_states s ON s.flag_id = f.id AND s.environment_key = 'production'`,
    ),
  ).toEqual([{ status: 'DEPRECATED', enabled: true, rollout: 5, version: 3 }]);
});

it('a schedule that is applied by hand keeps what somebody else changes at the same time', async () => {
  const { db, spine, untilWaiting } = await setUp();
  const { id } = await spine.createSchedule(anAdmin(), toEnable());
  await db.sql('BEGIN');
  await db.sql('SELECT 1 FROM feature_flags FOR UPDATE');
  const changes = [
    spine.updateFlagState(anAdmin(), { flagKey: 'f', environment: 'production', updates: { rolloutPercentage: 5 } }),
    spine.applySchedule(anAdmin(), { id }),
  ];
  await untilWaiting(2);
  await db.sql('ROLLBACK');
  await Promise.all(changes);
  expect(
    await db.sql(
      `SELECT enabled, rollout_percentage AS rollout, version FROM feature_flag_states WHERE environment_key = 'production'`,
    ),
  ).toEqual([{ enabled: true, rollout: 5, version: 3 }]);
});

it('an environment that is switched and renamed at the same time has both', async () => {
  const { db, spine, untilWaiting } = await setUp();
  await db.sql('BEGIN');
  await db.sql(`SELECT 1 FROM environments WHERE key = 'staging' FOR UPDATE`);
  const changes = [
    spine.setEnvironmentEnabled(anAdmin(), { key: 'staging' }, false),
    spine.updateEnvironment(anAdmin(), { key: 'staging', name: 'Rehearsal' }),
  ];
  await untilWaiting(2);
  await db.sql('ROLLBACK');
  await Promise.all(changes);
  expect(await db.sql(`SELECT enabled, name FROM environments WHERE key = 'staging'`)).toEqual([
    { enabled: false, name: 'Rehearsal' },
  ]);
});

it('an environment that two admins disable at the same time is disabled once, with one event', async () => {
  const { db, spine, untilWaiting } = await setUp();
  await db.sql('BEGIN');
  await db.sql(`SELECT 1 FROM environments WHERE key = 'staging' FOR UPDATE`);
  const changes = ['admin-a', 'admin-b'].map((admin) => spine.setEnvironmentEnabled(anAdmin(admin), { key: 'staging' }, false));
  await untilWaiting(2);
  await db.sql('ROLLBACK');
  await Promise.all(changes);
  await spine.sequence();
  expect((await readLog(db)).filter(({ eventType }) => eventType === 'environment.disabled')).toHaveLength(1);
});
