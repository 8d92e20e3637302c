import pg from 'pg';
import { expect, it } from 'vitest';
import { openPostgres } from '../../src/database/database.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock } from '../support/spine.ts';

it.each([
  ['a statement that takes too long', { statementTimeoutMs: 300 }, '57014'],
  ['a lock that somebody holds for too long', { lockTimeoutMs: 300 }, '55P03'],
])('%s fails no schedule: it stays due, and applies when the database is quick again', async (_what, limits, code) => {
  const { url, sql } = await createPostgresDatabase();
  const database = openPostgres(url, { maxConnections: 2, ...limits, onError: () => {} });
  atTestEnd(() => database.close());
  const clock = manualClock();
  const spine = await makeSpine(database, { clock });
  await spine.createFlag(anAdmin(), { key: 'f', name: 'F' });
  const { id } = await addDue(spine, clock, { flagKey: 'f', minutesAgo: 1 });

  // The flag's state is not what a worker skips: it waits, when it saves what it did.
  const beside = new pg.Client({ connectionString: url });
  await beside.connect();
  await beside.query('BEGIN');
  await beside.query('SELECT 1 FROM feature_flag_states FOR UPDATE');
  await expect(spine.applyDue()).rejects.toMatchObject({
    meta: { driverAdapterError: { cause: { originalCode: code } } },
  });
  const schedule = () => sql('SELECT status, retry_count, error_message FROM feature_flag_schedules WHERE id = $1', [id]);
  expect(await schedule()).toEqual([{ status: 'PENDING', retry_count: 0, error_message: null }]);
  await beside.query('COMMIT');
  await beside.end();

  const { applied } = await spine.applyDue();
  expect(applied.map((outcome) => outcome.schedule.id)).toEqual([id]);
});
