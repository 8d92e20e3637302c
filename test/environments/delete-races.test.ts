import { expect, it } from 'vitest';
import { DomainError } from '../../src/kernel/errors.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine, minutesFrom } from '../support/spine.ts';

it('deletes no environment in which something is set, scheduled or created at the same time, and leaves nothing of one that goes', async () => {
  const db = await createPostgresDatabase({ maxConnections: 12 });
  const spine = await makeSpine(db.database);
  const admin = anAdmin();
  await spine.createFlag(admin, { key: 'f', name: 'f' });
  const outcomes = { deleted: 0, kept: 0 };
  for (let round = 0; round < 8; round++) {
    const environment = `env-${round}`;
    await spine.createEnvironment(admin, { key: environment, name: 'x' });
    const use = [
      () =>
        spine.createSchedule(admin, {
          flagKey: 'f',
          environment,
          scheduledAt: minutesFrom(new Date(), 60),
          updates: { enabled: true },
        }),
      () => spine.updateFlagState(admin, { flagKey: 'f', environment, updates: { enabled: true } }),
      () => spine.createFlag(admin, { key: `flag-${round}`, name: 'x' }),
      () => spine.setEnvironmentEnabled(admin, { key: environment }, false),
    ];
    const deletion = () => spine.deleteEnvironment(admin, { key: environment });
    // Now the deletion comes first, now what uses the environment.
    const work = [...use.slice(0, round % 4), deletion, ...use.slice(round % 4)];
    const done = await Promise.allSettled(work.map((run) => run()));
    for (const result of done) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DomainError);
    outcomes[done[round % 4]?.status === 'fulfilled' ? 'deleted' : 'kept']++;
    const [left] = await db.sql<{ exists: boolean; states: number; flags: number; used: number }>(
      `SELECT EXISTS (SELECT 1 FROM environments WHERE key = $1) AS exists, (SELECT count(*) FROM feature_flags) AS flags,
         (SELECT count(*) FROM feature_flag_states WHERE environment_key = $1) AS states,
         (SELECT count(*) FROM feature_flag_states WHERE environment_key = $1 AND enabled)
           + (SELECT count(*) FROM feature_flag_schedules WHERE environment_key = $1 AND status = 'PENDING') AS used`,
      [environment],
    );
    expect(left).toEqual(
      left?.exists
        ? { exists: true, flags: left.flags, states: left.flags, used: expect.any(Number) }
        : { exists: false, flags: left?.flags, states: 0, used: 0 },
    );
    if (left?.exists) expect(left.used).toBeGreaterThan(0);
  }
  expect(outcomes.deleted + outcomes.kept).toBe(8);
  const [{ deadlocks } = { deadlocks: -1 }] = await db.sql<{ deadlocks: number }>(
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  );
  expect(deadlocks).toBe(0);
});
