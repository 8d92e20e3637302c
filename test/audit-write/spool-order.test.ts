import { setTimeout as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { temporaryFolder } from '../support/service.ts';
import { anAdmin, makeSpine, type Spine } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

/** Puts a function before audit_emit that counts its calls, transactions that are rolled back included. */
const countEmits = async (db: PostgresTestDatabase) => {
  await db.database.runScript(`
    CREATE SEQUENCE emit_calls MINVALUE 0 START 0;
    SELECT nextval('emit_calls');
    ALTER FUNCTION audit_emit(text[]) RENAME TO audit_emit_itself;
    CREATE FUNCTION audit_emit(events text[]) RETURNS integer LANGUAGE plpgsql AS $$
      BEGIN PERFORM nextval('emit_calls'); RETURN audit_emit_itself(events); END $$`);
  return async () => (await db.sql<{ calls: number }>('SELECT last_value::int AS calls FROM emit_calls'))[0]?.calls ?? 0;
};

const lockOutbox = async (db: PostgresTestDatabase) => {
  const client = new pg.Client({ connectionString: db.ownerUrl });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN; LOCK TABLE audit_outbox IN ACCESS EXCLUSIVE MODE');
  return { release: () => client.query('ROLLBACK') };
};

const setRollout = (spine: Spine, flagKey: string, rolloutPercentage: number) =>
  spine.updateFlagState(anAdmin(), { flagKey, environment: 'production', updates: { rolloutPercentage } });

const rolloutOf = (state: unknown): unknown => (state as { rolloutPercentage?: unknown } | null)?.rolloutPercentage;

/** The rollouts of a flag, change by change, as the log tells them: "100→1". */
const rolloutsOf = async (db: PostgresTestDatabase, flagKey: string): Promise<string[]> =>
  (await readLog(db))
    .filter((event) => event.flagKey === flagKey && event.eventType === 'flag.rollout_changed')
    .map(({ previousState, newState }) => `${rolloutOf(previousState)}→${rolloutOf(newState)}`);

/** What `rolloutsOf` has to say of a rollout that went through these values. */
const stepsOf = (values: readonly number[]) => values.slice(1).map((value, index) => `${values[index]}→${value}`);

it('events come back in order where the outbox works again in the midst of their replay', async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  await spine.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  await db.database.runScript(`
    CREATE SEQUENCE refusals;
    CREATE FUNCTION refuse_events() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF nextval('refusals') <= 6 THEN RAISE EXCEPTION 'not yet'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse_events BEFORE INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION refuse_events()`);
  for (let rollout = 1; rollout <= 8; rollout++) await setRollout(spine, 'checkout', rollout);
  for (let pass = 1; pass <= 4; pass++) await spine.replay();
  await setRollout(spine, 'checkout', 9);
  await spine.replay();
  await spine.sequence();
  expect(await rolloutsOf(db, 'checkout')).toEqual(stepsOf([100, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
});

it('while the outbox is locked, one change alone tries it, and what comes after the lock stays behind what was spooled', async () => {
  const db = await createPostgresDatabase();
  const spine = await makeSpine(db.database);
  await spine.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  const emits = await countEmits(db);
  const lock = await lockOutbox(db);
  for (let rollout = 1; rollout <= 8; rollout++) await setRollout(spine, 'checkout', rollout);
  expect(await emits()).toBe(1);
  await lock.release();
  await setRollout(spine, 'checkout', 9);
  expect(await emits()).toBe(1);
  await spine.replay();
  await setRollout(spine, 'checkout', 10);
  await spine.sequence();
  // The replay's call, and that of the last change: the outbox takes events again.
  expect(await emits()).toBe(3);
  expect(await rolloutsOf(db, 'checkout')).toEqual(stepsOf([100, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
});

it('changes of many flags at once stay in order, flag by flag, while the outbox is locked again and again', async () => {
  const db = await createPostgresDatabase({ maxConnections: 12 });
  const spine = await makeSpine(db.database);
  const keys = ['alpha', 'beta', 'gamma'];
  for (const key of keys) await spine.createFlag(anAdmin(), { key, name: key });
  let changes = 0;
  let working = true;
  onTestFinished(() => {
    working = false;
  });
  const firstLock = await lockOutbox(db);
  const locking = (async () => {
    for (let lock = firstLock; ; lock = await lockOutbox(db)) {
      const { spooled } = spine.spool.counts();
      while (working && spine.spool.counts().spooled <= spooled) await nextTurn(5);
      await lock.release();
      const later = changes + 5;
      while (working && changes < later) await nextTurn(5);
      if (!working) return;
    }
  })();
  const replaying = (async () => {
    while (working) await Promise.all([spine.replay(), nextTurn(5)]);
  })();
  // Two people to a flag: their changes come in any order, and the log tells the one in which they happened.
  await Promise.all(
    keys.flatMap((key) =>
      [10, 50].map(async (first) => {
        for (let step = 0; step < 6; step++, changes++) await setRollout(spine, key, first + step);
      }),
    ),
  );
  working = false;
  await Promise.all([locking, replaying]);
  await spine.replay();
  await spine.sequence();
  expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
  for (const key of keys) {
    const told = await rolloutsOf(db, key);
    expect(told).toHaveLength(12);
    expect(told).toEqual(stepsOf([100, ...told.map((step) => Number(step.split('→')[1]))]));
  }
});

it('the next process on the same DATA_DIR puts its own events behind those that it finds in the spool', async () => {
  const db = await createPostgresDatabase();
  const dataDir = temporaryFolder();
  const first = await makeSpine(db.database, { dataDir });
  await first.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  const lock = await lockOutbox(db);
  for (const rollout of [1, 2]) await setRollout(first, 'checkout', rollout);
  await lock.release();
  const second = await makeSpine(db.database, { dataDir });
  await setRollout(second, 'checkout', 3);
  await second.replay();
  await second.sequence();
  expect(await rolloutsOf(db, 'checkout')).toEqual(stepsOf([100, 1, 2, 3]));
});
