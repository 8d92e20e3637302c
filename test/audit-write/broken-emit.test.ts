import pg from 'pg';
import { pino } from 'pino';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { breakages, breakEmit } from '../support/breakages.ts';
import {
  createPostgresDatabase,
  databases,
  openBeside,
  type PostgresTestDatabase,
  type TestDatabase,
} from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, minutesFrom, type Spine } from '../support/spine.ts';
import { readLog, readSchedule } from '../support/tables.ts';

const schedule = (spine: Spine, flagKey: string, clock: { at: Date }) => {
  clock.at = new Date();
  return spine.createSchedule(anAdmin(), {
    flagKey,
    environment: 'production',
    scheduledAt: minutesFrom(clock.at, 60),
    updates: { enabled: true },
  });
};
const catchUp = async (spine: Spine) => {
  await spine.replay();
  await spine.sequence();
};

describe.each(databases)('where audit_emit, on $kind,', ({ createDatabase }) => {
  const clock = manualClock();
  const errors: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void errors.push(JSON.parse(line).msg) });
  let db: TestDatabase;
  let spine: Spine;
  beforeAll(async () => {
    db = await createDatabase();
    spine = await makeSpine(db.database, { clock, logger });
    await spine.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  });

  it.each(breakages)('$title, a schedule is created all the same, and its event is recorded once, later', async (breakage) => {
    const repair = await breakEmit(db, breakage);
    onTestFinished(repair);
    errors.length = 0;
    const { id } = await schedule(spine, 'checkout', clock);
    // Whoever runs the service hears of it.
    expect(errors).toContain('the audit outbox takes no events: they are spooled, and recorded later');
    const createdAt = clock.at;
    expect(await readSchedule(db, id)).toMatchObject({ status: 'PENDING' });
    expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
    // As long as it is broken, nothing changes, however often it is tried.
    await spine.replay();
    expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });

    await repair();
    clock.at = minutesFrom(createdAt, 5);
    await catchUp(spine);
    expect(spine.spool.counts()).toEqual({ spooled: 0, lost: 0 });
    await catchUp(spine);
    const events = (await readLog(db)).filter(({ scheduleId }) => scheduleId === id);
    expect(events).toMatchObject([{ eventType: 'flag_schedule.created', timestamp: createdAt.toISOString() }]);
  });

  it.each(breakages.filter(({ inside }) => inside))(
    '$title, the transaction goes on as if nothing were wrong',
    async (breakage) => {
      const repair = await breakEmit(db, breakage);
      onTestFinished(repair);
      let runs = 0;
      await spine.inTransaction(async ({ flags, audit }) => {
        runs++;
        await flags.find('checkout');
        audit.logEvent({
          eventType: 'flag.created',
          actor: anAdmin().actor,
          description: 'seen once',
          metadata: { flagKey: 'x', adminUserId: null, adminEmail: null },
        });
      });
      expect(runs).toBe(1);
      await repair();
      await catchUp(spine);
    },
  );

  it('is gone, every other operation works as well: cancelling, changing, deleting, applying a batch', async () => {
    for (const key of ['cancelled', 'changed', 'deleted', 'applied']) await spine.createFlag(anAdmin(), { key, name: key });
    const { id } = await schedule(spine, 'cancelled', clock);
    await schedule(spine, 'deleted', clock);
    const due = [];
    for (let n = 0; n < 10; n++) due.push((await addDue(spine, clock, { flagKey: 'applied', minutesAgo: 20 - n })).id);
    await spine.sequence();
    const before = (await readLog(db)).length;

    const repair = await breakEmit(db, { title: 'is gone', break: 'DROP FUNCTION audit_emit(text[])' });
    onTestFinished(repair);
    expect(await spine.cancelSchedule(anAdmin(), { id })).toMatchObject({ status: 'CANCELLED' });
    await spine.updateFlagState(anAdmin(), { flagKey: 'changed', environment: 'staging', updates: { enabled: true } });
    await spine.deleteFlag(anAdmin(), { flagKey: 'deleted' });
    await spine.createFlag(anAdmin(), { key: 'created', name: 'created' });
    expect((await spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual(due);
    expect((await spine.applyDue()).applied).toEqual([]);
    expect(spine.spool.counts()).toEqual({ spooled: 15, lost: 0 });

    await repair();
    await catchUp(spine);
    const events = (await readLog(db)).slice(before);
    expect(events.map(({ eventType }) => eventType)).toEqual([
      'flag_schedule.cancelled',
      'flag.enabled',
      'flag_schedule.cancelled',
      'flag.deleted',
      'flag.created',
      ...due.map(() => 'flag_schedule.applied'),
    ]);
    expect(events.slice(5).map(({ scheduleId }) => scheduleId)).toEqual(due);
  });

  it('works, a change that is rolled back leaves no event', async () => {
    await spine.sequence();
    const before = (await readLog(db)).length;
    const failing = spine.inTransaction(async ({ schedules, audit }) => {
      const [row] = await db.database.prisma.schedule.findMany({ take: 0 });
      expect(row).toBeUndefined();
      expect(await schedules.find('01900000-0000-7000-8000-000000000000')).toBeNull();
      audit.logEvent({
        eventType: 'flag.created',
        actor: anAdmin().actor,
        description: 'never happened',
        metadata: { flagKey: 'x', adminUserId: null, adminEmail: null },
      });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    await catchUp(spine);
    expect(await readLog(db)).toHaveLength(before);
  });
});

describe('where another session', () => {
  const clock = manualClock();
  let db: PostgresTestDatabase;
  let spine: Spine;
  beforeAll(async () => {
    db = await createPostgresDatabase();
    spine = await makeSpine(db.database, { clock });
    await spine.createFlag(anAdmin(), { key: 'checkout', name: 'checkout' });
  });
  const lockOutbox = async () => {
    const client = new pg.Client({ connectionString: db.ownerUrl });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query('BEGIN; LOCK TABLE audit_outbox IN ACCESS EXCLUSIVE MODE');
    return { release: () => client.query('ROLLBACK') };
  };
  const waitForever = async () => {
    await db.sql(`ALTER FUNCTION audit_emit(text[]) SET lock_timeout = '0'`);
    onTestFinished(async () => void (await db.sql(`ALTER FUNCTION audit_emit(text[]) SET lock_timeout = '100ms'`)));
  };
  const eventsOf = async (id: string) => {
    await catchUp(spine);
    return (await readLog(db)).filter(({ scheduleId }) => scheduleId === id).map(({ eventType }) => eventType);
  };

  it('holds a lock on the outbox, operations go on meanwhile', async () => {
    const lock = await lockOutbox();
    // The lock is held until after these: had they waited for it, they would never end.
    const { id } = await schedule(spine, 'checkout', clock);
    await spine.cancelSchedule(anAdmin(), { id });
    const { id: due } = await addDue(spine, clock, { flagKey: 'checkout', minutesAgo: 1 });
    expect((await spine.applyDue()).applied).toHaveLength(1);
    expect(spine.spool.counts()).toEqual({ spooled: 4, lost: 0 });
    await lock.release();
    expect(await eventsOf(id)).toEqual(['flag_schedule.created', 'flag_schedule.cancelled']);
    expect(await eventsOf(due)).toEqual(['flag_schedule.created', 'flag_schedule.applied']);
  });

  it('cancels the statement while it waits for the outbox, the schedule is created all the same', async () => {
    await waitForever();
    const lock = await lockOutbox();
    const creating = schedule(spine, 'checkout', clock);
    const cancelled = () =>
      db.sql(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%audit_emit%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`);
    await expect.poll(cancelled).toHaveLength(1);
    const { id } = await creating;
    expect(spine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
    await lock.release();
    expect(await eventsOf(id)).toEqual(['flag_schedule.created']);
  });

  it('holds it longer than statement_timeout, the schedule is created all the same', async () => {
    await waitForever();
    const url = `${db.url}?options=${encodeURIComponent('-c statement_timeout=400ms')}`;
    const limited = await openBeside(url, 2);
    const limitedSpine = await makeSpine(limited, { clock });
    const lock = await lockOutbox();
    const { id } = await schedule(limitedSpine, 'checkout', clock);
    expect(limitedSpine.spool.counts()).toEqual({ spooled: 1, lost: 0 });
    await lock.release();
    await limitedSpine.replay();
    expect(await eventsOf(id)).toEqual(['flag_schedule.created']);
  });

  it('ends the connection while it waits for the outbox, the transaction runs again and its event is spooled', async () => {
    await waitForever();
    const lock = await lockOutbox();
    const creating = schedule(spine, 'checkout', clock);
    const ended = () =>
      db.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%audit_emit%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`);
    await expect.poll(ended).toHaveLength(1);
    const { id } = await creating;
    await lock.release();
    expect(await eventsOf(id)).toEqual(['flag_schedule.created']);
    expect(await readSchedule(db, id)).toMatchObject({ id: id });
  });
});
