import pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { breakages, breakEmit } from '../support/breakages.ts';
import { createPostgresDatabase, openBeside, type PostgresTestDatabase } from '../support/databases.ts';
import { startTestService, temporaryFolder, token } from '../support/service.ts';
import { anAdmin, makeSpine, minutesFrom, type Spine } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

const returnsNull = breakages.find(({ title }) => title === 'returns null') ?? expect.unreachable();
const isGone = breakages.find(({ title }) => title === 'is gone') ?? expect.unreachable();
let db: PostgresTestDatabase;
beforeAll(async () => {
  db = await createPostgresDatabase();
  await (await makeSpine(db.database)).createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
});
const schedule = (spine: Spine) =>
  spine.createSchedule(anAdmin(), {
    flagKey: 'checkout',
    environment: 'production',
    scheduledAt: minutesFrom(new Date(), 60),
    updates: { enabled: true },
  });
const logOf = async (ids: readonly string[]) =>
  (await readLog(db)).filter(({ scheduleId }) => scheduleId !== null && ids.includes(scheduleId));

describe('spooled events', () => {
  let repair: () => Promise<void>;
  beforeEach(async () => {
    repair = await breakEmit(db, returnsNull);
    return repair;
  });

  it('wait for their transaction while it is under way, in another process, too', async () => {
    const dataDir = temporaryFolder();
    const [writer, other] = [await makeSpine(db.database, { dataDir }), await makeSpine(db.database, { dataDir })];
    // The commit itself waits, for a lock that this test holds.
    await db.database.runScript(`
      CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON feature_flag_schedules DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait_at_commit()`);
    await db.sql('SELECT pg_advisory_lock(4711)');
    const creating = schedule(writer);
    await expect.poll(() => other.spool.counts().spooled).toBe(1);
    await expect.poll(() => db.sql(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).toHaveLength(1);
    await repair();
    await other.replay();
    expect(other.spool.counts()).toEqual({ spooled: 1, lost: 0 });
    await db.sql('SELECT pg_advisory_unlock(4711)');
    const { id } = await creating;
    await other.replay();
    await other.sequence();
    expect(await logOf([id])).toHaveLength(1);
    await db.database.runScript('DROP FUNCTION wait_at_commit CASCADE');
  });

  it('of several processes on one DATA_DIR are recorded once each, whoever replays them', async () => {
    const dataDir = temporaryFolder();
    const beside = await openBeside(db.url);
    const processes = [
      await makeSpine(db.database, { dataDir }),
      await makeSpine(beside, { dataDir }),
      await makeSpine(beside, { dataDir }),
    ];
    const created = await Promise.all(Array.from({ length: 30 }, (_, n) => schedule(processes[n % 3] ?? expect.unreachable())));
    const ids = created.map(({ id }) => id);
    expect(processes[0]?.spool.counts()).toEqual({ spooled: 30, lost: 0 });
    await repair();
    await Promise.all(processes.flatMap((spine) => [spine.replay(), spine.sequence(), spine.replay()]));
    await processes[0]?.sequence();
    expect(processes[0]?.spool.counts()).toEqual({ spooled: 0, lost: 0 });
    expect((await logOf(ids)).map(({ scheduleId }) => scheduleId).toSorted()).toEqual(ids.toSorted());
  });

  it('that found no room are declared lost in the log: delivered and declared lost are what was produced', async () => {
    const spine = await makeSpine(db.database, { maxSpoolBytes: 2_500 });
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) ids.push((await schedule(spine)).id);
    const { spooled, lost } = spine.spool.counts();
    expect(spooled).toBeGreaterThan(0);
    expect(lost).toBe(10 - spooled);
    await repair();
    await spine.replay();
    await spine.replay();
    await spine.sequence();
    expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
    expect(await logOf(ids)).toHaveLength(spooled);
    const losses = (await readLog(db)).filter(({ eventType }) => eventType === 'audit.loss');
    expect(losses).toMatchObject([
      {
        actor: { type: 'SYSTEM' },
        result: 'FAILURE',
        environment: 'production',
        metadata: { count: lost, reason: 'spool_full' },
      },
    ]);
  });

  it.each([
    ['is so old that the database forgot it', '3'],
    ['is one that this database has not come to yet, as after a restore from a backup', '900000000'],
  ])('whose transaction %s are declared lost, and hold up no others', async (_, transactionId) => {
    const spine = await makeSpine(db.database);
    const before = (await readLog(db)).filter(({ eventType }) => eventType === 'audit.loss').length;
    const entry = spine.toEntry({
      eventType: 'flag.created',
      actor: anAdmin().actor,
      description: 'nobody knows',
      metadata: { flagKey: 'x', adminUserId: null, adminEmail: null },
    });
    spine.spool.add([{ entry: entry ?? '', logId: spine.logId, transactionId }]);
    const { id } = await schedule(spine);
    await repair();
    await spine.replay();
    await spine.sequence();
    expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
    expect(await logOf([id])).toHaveLength(1);
    const losses = (await readLog(db)).filter(({ eventType }) => eventType === 'audit.loss').slice(before);
    expect(losses).toMatchObject([{ metadata: { count: 1, reason: 'transaction outcome no longer known' } }]);
  });

  it('of another log are left to it', async () => {
    const spine = await makeSpine(db.database);
    spine.spool.add([{ entry: '{}', logId: '00000000-0000-0000-0000-000000000000', transactionId: null }]);
    await repair();
    await spine.replay();
    expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
  });

  it('that the outbox refuses for ever hold up no others', async () => {
    const spine = await makeSpine(db.database);
    spine.spool.add([{ entry: 'not JSON', logId: spine.logId, transactionId: null }]);
    const ids = [(await schedule(spine)).id, (await schedule(spine)).id];
    await repair();
    await spine.replay();
    await spine.sequence();
    expect(await logOf(ids)).toHaveLength(2);
    expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
  });
});

it('with audit_emit gone, the running service answers as ever, and records everything once it is back', async () => {
  const service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api,audit' } });
  const repair = await breakEmit(db, isGone);
  const input = { flagKey: 'checkout', scheduledAt: minutesFrom(new Date(), 60).toISOString(), updates: { enabled: true } };
  const create = (as?: string) =>
    service.gql<{ createSchedule: { id: string } }>(
      'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { ... on Schedule { id } } }',
      { input },
      { as },
    );
  const ids = await Promise.all(Array.from({ length: 5 }, async () => (await create()).data?.createSchedule.id ?? ''));
  // An event that belongs to no transaction.
  expect((await create(await token({ sub: 'curious', groups: ['auditor'] }))).status).toBe(403);
  const metric = async (name: string) =>
    new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'm').exec(await (await fetch(`${service.url}/metrics`)).text())?.[1];
  await expect.poll(() => metric('flagtrail_audit_spooled_events')).toBe('6');
  expect(service.lines.some((line) => line.includes('audit_emit failed'))).toBe(true);
  await repair();
  await expect.poll(async () => (await logOf(ids)).length, { timeout: 10_000 }).toBe(5);
  await expect
    .poll(
      async () =>
        (await readLog(db)).filter(({ eventType, actor }) => eventType === 'access.denied' && actor.id === 'curious').length,
    )
    .toBe(1);
  await untilWhole(db.url);
});

/** The log is still whole once nothing is on its way any more. */
const untilWhole = async (url: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await expect.poll(async () => (await client.query('SELECT 1 FROM audit_outbox LIMIT 1')).rowCount).toBe(0);
  await client.end();
  await readLog(db);
};
