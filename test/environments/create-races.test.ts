import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine } from '../support/spine.ts';

it('gives every flag a state in every environment, however many of both are created and changed at once', async () => {
  const db = await createPostgresDatabase({ maxConnections: 12 });
  const spine = await makeSpine(db.database);
  const admin = anAdmin();
  await spine.createFlag(admin, { key: 'old', name: 'old' });
  const work = Array.from({ length: 8 }, (_, n) => [
    () => spine.createFlag(admin, { key: `flag-${n}`, name: 'x' }),
    () => spine.createFlag(admin, { key: `other-${n}`, name: 'x' }),
    () => spine.createEnvironment(admin, { key: `env-${n}`, name: 'x' }),
    // Holds its flag's row, then updates it: with a weaker lock on the table each would wait for the other.
    () => spine.updateFlag(admin, { flagKey: 'old', name: `name ${n}` }),
  ]);
  await Promise.all(work.flat().map((run) => run()));
  const [counts] =
    await db.sql(`SELECT (SELECT count(*) FROM feature_flags) AS flags, (SELECT count(*) FROM environments) AS environments,
    (SELECT count(*) FROM feature_flag_states) AS states, (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks`);
  expect(counts).toEqual({ flags: 17, environments: 11, states: 17 * 11, deadlocks: 0 });
});
