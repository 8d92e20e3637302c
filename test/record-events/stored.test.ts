import { beforeAll, describe, expect, it } from 'vitest';
import { breakages, breakEmit } from '../support/breakages.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { anEvent, makeRecord } from './operations.ts';

// Without the audit role nothing leaves the outbox by itself: the test says when the sequencer's turn is.
let db: PostgresTestDatabase;
let service: TestService;
let record: ReturnType<typeof makeRecord>;
beforeAll(async () => {
  db = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api', LOG_LEVEL: 'silent' } });
  record = makeRecord(service);
});
const sequence = () => db.sql('SELECT audit_sequence(1000)');
const inLog = async (id: string) => (await db.sql('SELECT 1 FROM audit_log WHERE id = $1', [id])).length;
const inOutbox = async (id: string) =>
  (await db.sql("SELECT 1 FROM audit_outbox WHERE split_part(event, E'\\n', 1)::jsonb ->> 'id' = $1", [id])).length;
const statusesOf = async (events: readonly object[]) => (await record(events)).results?.map(({ status }) => status);

describe('an event that was answered RECORDED', () => {
  it('is in the outbox, and a DUPLICATE from then on, before it is in the log and after', async () => {
    const event = anEvent();
    expect(await statusesOf([event])).toEqual(['RECORDED']);
    expect([await inOutbox(event.id), await inLog(event.id)]).toEqual([1, 0]);
    expect(await statusesOf([event])).toEqual(['DUPLICATE']);
    await sequence();
    expect([await inOutbox(event.id), await inLog(event.id)]).toEqual([0, 1]);
    expect(await statusesOf([event])).toEqual(['DUPLICATE']);
  });

  it('keeps its id, in the outbox and in the log: an event of another type or sender is REFUSED', async () => {
    const event = anEvent();
    expect(await statusesOf([event])).toEqual(['RECORDED']);
    const as = await token({ sub: 'another', groups: ['audit-writer'] });
    for (const step of [async () => {}, sequence]) {
      await step();
      const { results } = await record([event], { as });
      expect(results).toEqual([
        { id: event.id, status: 'REFUSED', issues: [{ path: ['id'], message: 'was used for another event' }] },
      ]);
      expect(await statusesOf([{ ...event, type: 'logout' }, event])).toEqual(['REFUSED', 'DUPLICATE']);
    }
  });

  it('is in the log once, also where two requests with its id came at the same time', async () => {
    const events = Array.from({ length: 20 }, () => anEvent());
    // What commits waits for this lock, so that neither of the two sees the other's events.
    await db.sql('BEGIN');
    await db.sql('LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE');
    const both = Promise.all([record(events), record([...events].reverse())]);
    await expect
      .poll(() => db.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'audit_log'::regclass"))
      .toHaveLength(2);
    await db.sql('COMMIT');
    const answers = await both;
    for (const { recorded, duplicates } of answers) expect((recorded ?? 0) + (duplicates ?? 0)).toBe(20);
    await sequence();
    for (const { id } of events) expect([await inLog(id), await inOutbox(id)]).toEqual([1, 0]);
    expect(await statusesOf(events)).toEqual(events.map(() => 'DUPLICATE'));
  });

  it.each(['is gone', 'returns null'])('is spooled where audit_emit %s, and in the log once it is back, once', async (title) => {
    const repair = await breakEmit(db, breakages.find((breakage) => breakage.title === title) ?? expect.unreachable());
    const events = [anEvent(), anEvent()];
    expect(await statusesOf(events)).toEqual(['RECORDED', 'RECORDED']);
    expect(await spooled()).toBe(2);
    // The spool is not looked at: the log drops what comes twice.
    expect(await statusesOf(events)).toEqual(['RECORDED', 'RECORDED']);
    await repair();
    await expect.poll(spooled, { timeout: 10_000 }).toBe(0);
    await sequence();
    for (const { id } of events) expect([await inLog(id), await inOutbox(id)]).toEqual([1, 0]);
  });

  it('is not stored where the transaction fails, and can be sent again', async () => {
    await db.database.runScript(`
      CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no commit'; END $$;
      CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON audit_outbox DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse_commit()`);
    const event = anEvent();
    await expect(record([event])).rejects.toThrow('INTERNAL_SERVER_ERROR');
    await db.database.runScript('DROP FUNCTION refuse_commit CASCADE');
    expect([await inOutbox(event.id), await inLog(event.id)]).toEqual([0, 0]);
    expect(await statusesOf([event])).toEqual(['RECORDED']);
  });
});

it('a long outbox, where no sequencer runs, is not searched to its end', async () => {
  const first = anEvent();
  await record([first]);
  // Any text that the outbox takes; parsing one of them would fail.
  await db.sql('ALTER TABLE audit_outbox DISABLE TRIGGER ALL');
  await db.sql('ALTER TABLE audit_outbox DROP CONSTRAINT audit_outbox_event_is_valid');
  await db.sql(`UPDATE audit_outbox SET event = 'no JSON'`);
  await db.sql(`INSERT INTO audit_outbox (event) SELECT '{"id":"' || gen_random_uuid() || '"}' FROM generate_series(1, 10000)`);
  expect(await statusesOf([first, anEvent()])).toEqual(['RECORDED', 'RECORDED']);
});

const spooled = async () =>
  Number(/^flagtrail_audit_spooled_events (\d+)$/m.exec(await (await fetch(`${service.url}/metrics`)).text())?.[1]);
