import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';

type Reads = { scans: number; entries: number };

it('the worker finds what is due in an index that holds nothing else, however many schedules are over', async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  await spine.createFlag(anAdmin(), { key: 'f', name: 'f' });
  const add = (count: number, status: string) =>
    db.sql(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, status, created_at, updated_at)
       SELECT gen_random_uuid(), f.id, f.key, 'production', now() - make_interval(days => 2, secs => n), '{"enabled": true}', $2, now(), now()
       FROM generate_series(1, $1::int) n, feature_flags f`,
      [count, status],
    );
  await add(20_000, 'APPLIED');
  await add(3, 'PENDING');
  await db.sql('ANALYZE');
  const [index] = await db.sql<{ bytes: number }>(`SELECT pg_relation_size('feature_flag_schedules_due') AS bytes`);
  expect(index?.bytes).toBeLessThan(50_000);

  const reads = async () => {
    const [row] = await db.sql<Reads>(
      `SELECT idx_scan::int AS scans, idx_tup_read::int AS entries FROM pg_stat_user_indexes
       WHERE indexrelname = 'feature_flag_schedules_due'`,
    );
    return row ?? expect.unreachable('the index is gone');
  };
  const before = await reads();
  expect((await spine.applyDue()).applied).toHaveLength(3);
  // Once for the flags to claim, and once for schedules without a flag. Sessions tell their statistics when they are idle.
  await expect.poll(async () => (await reads()).scans - before.scans).toBeGreaterThanOrEqual(2);
  expect((await reads()).entries - before.entries).toBeLessThan(100);
});
