import { beforeAll, describe, expect, it } from 'vitest';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { databases, type TestDatabase } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, minutesFrom, type Spine } from '../support/spine.ts';
import { changeSchedule, deleteFlagRow, makeRetriesDue, readLog, setScheduleUpdates } from '../support/tables.ts';

describe.each(databases)('the worker on $kind', ({ createDatabase }) => {
  const clock = manualClock();
  let db: TestDatabase;
  let spine: Spine;
  let find: ReturnType<typeof makeScheduleStore>['find'];
  beforeAll(async () => {
    db = await createDatabase();
    spine = await makeSpine(db.database, { clock });
    find = makeScheduleStore(db.database.prisma).find;
  });

  const variants = ['one', 'two', 'after', 'poison'].map((name) => ({ key: name, value: name }));
  const addFlag = (key: string) => spine.createFlag(anAdmin(), { key, name: key, type: 'STRING', variants });
  const stateOf = async (key: string, environment = 'production') => {
    const [row] = await db.sql(
      `SELECT s.enabled, s.rollout_percentage AS rollout, s.default_variant AS variant, s.version FROM feature_flag_states s
       JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = $1 AND s.environment_key = $2`,
      [key, environment],
    );
    return row;
  };
  const eventsOf = async (key: string) => {
    await spine.sequence();
    return (await readLog(db)).filter(({ flagKey }) => flagKey === key);
  };
  const makeRetryDue = (id: string) => makeRetriesDue(db, [id]);

  it('applies what is due in order of instant, then id, and records one event each', async () => {
    await addFlag('ordered');
    const second = await addDue(spine, clock, { flagKey: 'ordered', minutesAgo: 2, updates: { rolloutPercentage: 20 } });
    const first = await addDue(spine, clock, {
      flagKey: 'ordered',
      minutesAgo: 3,
      updates: { enabled: true, rolloutPercentage: 10 },
    });
    const [twinA, twinB] = [
      await addDue(spine, clock, { flagKey: 'ordered', minutesAgo: 1, updates: { defaultVariant: 'one' } }),
      await addDue(spine, clock, { flagKey: 'ordered', minutesAgo: 1, updates: { defaultVariant: 'two' } }),
    ];
    await changeSchedule(db, twinB.id, { scheduledAt: twinA.scheduledAt });
    const twins = [twinA, twinB].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const { applied, failed } = await spine.applyDue();
    expect(failed).toEqual([]);
    expect(applied.map(({ schedule }) => schedule.id)).toEqual([first.id, second.id, ...twins.map(({ id }) => id)]);
    expect(await stateOf('ordered')).toEqual({
      enabled: true,
      rollout: 20,
      variant: twins[1]?.updates.defaultVariant,
      version: 5,
    });
    expect(await stateOf('ordered', 'staging')).toMatchObject({ enabled: false, version: 1 });
    const events = (await eventsOf('ordered')).filter(({ actor }) => actor.type === 'SYSTEM');
    expect(events.map(({ eventType, scheduleId }) => [eventType, scheduleId])).toEqual(
      [first, second, ...twins].map(({ id }) => ['flag_schedule.applied', id]),
    );
  });

  it('leaves alone what is not due, and applies nothing twice', async () => {
    await addFlag('future');
    clock.at = new Date();
    const scheduledAt = minutesFrom(clock.at, 5);
    await spine.createSchedule(anAdmin(), {
      flagKey: 'future',
      environment: 'production',
      scheduledAt,
      updates: { enabled: true },
    });
    expect(await spine.applyDue()).toMatchObject({ applied: [], failed: [], more: false });
    expect(await stateOf('future')).toMatchObject({ enabled: false, version: 1 });
  });

  it('judges what is due by the database’s clock, however wrong the application’s is', async () => {
    await addFlag('clocks');
    clock.at = new Date('2001-01-01T00:00:00Z');
    const due = await spine.createSchedule(anAdmin(), {
      flagKey: 'clocks',
      environment: 'production',
      scheduledAt: new Date('2001-01-02T00:00:00Z'),
      updates: { enabled: true },
    });
    const before = Date.now();
    const { applied } = await spine.applyDue();
    expect(applied.map(({ schedule }) => schedule.id)).toEqual([due.id]);
    expect((await find(due.id))?.appliedAt?.getTime()).toBeGreaterThan(before - 60_000);

    clock.at = new Date();
    const scheduledAt = minutesFrom(clock.at, 60);
    await spine.createSchedule(anAdmin(), {
      flagKey: 'clocks',
      environment: 'production',
      scheduledAt,
      updates: { enabled: false },
    });
    clock.at = new Date('2099-01-01T00:00:00Z');
    expect((await spine.applyDue()).applied).toEqual([]);
    const event = (await eventsOf('clocks')).find(({ eventType }) => eventType === 'flag_schedule.applied');
    expect(Date.parse(event?.timestamp ?? '')).toBeGreaterThan(before - 60_000);
  });

  it('applies on its next tick what became due while it was down, and tells how late', async () => {
    await addFlag('overdue');
    const { id } = await addDue(spine, clock, { flagKey: 'overdue', minutesAgo: 60 * 24 * 3 });
    const threeDaysMs = 3 * 24 * 60 * 60_000;
    const backlog = await makeScheduleStore(db.database.prisma).backlog();
    expect(backlog.due).toBe(1);
    expect(backlog.oldestLatenessMs).toBeGreaterThanOrEqual(threeDaysMs);
    await spine.applyDue();
    const event = (await eventsOf('overdue')).at(-1);
    const schedule = await find(id);
    expect(event).toMatchObject({
      eventType: 'flag_schedule.applied',
      metadata: {
        appliedAt: schedule?.appliedAt?.toISOString(),
        latenessMs: (schedule?.appliedAt?.getTime() ?? 0) - (schedule?.scheduledAt.getTime() ?? 0),
      },
    });
    expect(event?.metadata.latenessMs).toBeGreaterThanOrEqual(threeDaysMs);
    expect((await makeScheduleStore(db.database.prisma).backlog()).due).toBe(0);
  });

  describe('a bad schedule in a batch', () => {
    it.each<[string, unknown]>([
      ['a rollout out of range', { rolloutPercentage: 300 }],
      ['nothing to change', {}],
      ['text for a switch', { enabled: 'yes' }],
      ['a list', []],
      ['null', null],
    ])('fails alone where its stored updates are %s', async (title, updates) => {
      const key = `bad-${title.replaceAll(' ', '-')}`;
      await addFlag(key);
      const before = await addDue(spine, clock, { flagKey: key, minutesAgo: 3, updates: { rolloutPercentage: 1 } });
      const bad = await addDue(spine, clock, { flagKey: key, minutesAgo: 2 });
      const after = await addDue(spine, clock, { flagKey: key, minutesAgo: 1, updates: { defaultVariant: 'after' } });
      await setScheduleUpdates(db, bad.id, updates);
      const { applied, failed } = await spine.applyDue();
      expect(applied.map(({ schedule }) => schedule.id)).toEqual([before.id, after.id]);
      expect(failed.map(({ schedule }) => schedule.id)).toEqual([bad.id]);
      expect(await find(bad.id)).toMatchObject({
        status: 'FAILED',
        errorMessage: expect.stringContaining('updates'),
        retryCount: 0,
      });
      expect(await stateOf(key)).toMatchObject({ enabled: false, rollout: 1, variant: 'after' });
      await changeSchedule(db, bad.id, { nextRetryAt: null });
    });

    it('fails alone where the database refuses the flag’s new state', async () => {
      await db.sql(`ALTER TABLE feature_flag_states ADD CONSTRAINT no_poison CHECK (default_variant IS DISTINCT FROM 'poison')`);
      for (const key of ['poisoned', 'neighbour']) await addFlag(key);
      const first = await addDue(spine, clock, { flagKey: 'poisoned', minutesAgo: 4, updates: { rolloutPercentage: 5 } });
      const bad = await addDue(spine, clock, { flagKey: 'poisoned', minutesAgo: 3, updates: { defaultVariant: 'poison' } });
      const neighbour = await addDue(spine, clock, { flagKey: 'neighbour', minutesAgo: 2 });
      const last = await addDue(spine, clock, { flagKey: 'poisoned', minutesAgo: 1, updates: { enabled: true } });
      const { applied, failed } = await spine.applyDue();
      expect(applied.map(({ schedule }) => schedule.id)).toEqual([first.id, neighbour.id, last.id]);
      expect(failed.map(({ schedule }) => schedule.id)).toEqual([bad.id]);
      expect(await find(bad.id)).toMatchObject({
        status: 'FAILED',
        errorMessage: expect.stringMatching(/^new row .* violates check constraint "no_poison"$/),
      });
      expect((await find(bad.id))?.nextRetryAt).not.toBeNull();
      expect(await stateOf('poisoned')).toEqual({ enabled: true, rollout: 5, variant: null, version: 3 });
      const types = (await eventsOf('poisoned')).filter(({ actor }) => actor.type === 'SYSTEM').map(({ eventType }) => eventType);
      expect(types).toEqual(['flag_schedule.applied', 'flag_schedule.failed', 'flag_schedule.applied']);
      await changeSchedule(db, bad.id, { nextRetryAt: null });
    });

    it('holds up nobody where the database refuses even its failure; it stays due and is told', async () => {
      for (const key of ['stuck', 'behind']) await addFlag(key);
      const stuckOne = await addDue(spine, clock, { flagKey: 'stuck', minutesAgo: 5 });
      const others = [
        await addDue(spine, clock, { flagKey: 'behind', minutesAgo: 4, updates: { rolloutPercentage: 4 } }),
        await addDue(spine, clock, { flagKey: 'behind', minutesAgo: 3, updates: { enabled: true } }),
      ];
      await db.database.runScript(`
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this row'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON feature_flag_schedules FOR EACH ROW WHEN (OLD.id = '${stuckOne.id}')
          EXECUTE FUNCTION refuse()`);
      const { applied, failed, stuck } = await spine.applyDue();
      expect(applied.map(({ schedule }) => schedule.id)).toEqual(others.map(({ id }) => id));
      expect(failed).toEqual([]);
      expect([...stuck]).toEqual([[stuckOne.id, 'not this row']]);
      expect(await find(stuckOne.id)).toMatchObject({ status: 'PENDING' });
      await db.sql('DROP TRIGGER refuse ON feature_flag_schedules');
      expect((await spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual([stuckOne.id]);
    });
  });

  describe('a failed schedule', () => {
    const spoil = (id: string) => setScheduleUpdates(db, id, { enabled: 1 });

    it('is retried with backoff, maxRetries times, and then no more', async () => {
      await addFlag('retried');
      const { id } = await addDue(spine, clock, { flagKey: 'retried', minutesAgo: 1, maxRetries: 2 });
      await spoil(id);
      const delays: (number | null)[] = [];
      for (let tries = 1; tries <= 3; tries++) {
        const { failed, now } = await spine.applyDue();
        expect(failed).toHaveLength(1);
        const schedule = await find(id);
        expect(schedule).toMatchObject({ status: 'FAILED', retryCount: tries - 1 });
        delays.push(schedule?.nextRetryAt ? schedule.nextRetryAt.getTime() - now.getTime() : null);
        expect((await spine.applyDue()).failed).toEqual([]);
        if (schedule?.nextRetryAt) await makeRetryDue(id);
      }
      // The spine's random number is 0.5: half of the 30 s of jitter.
      expect(delays).toEqual([2 * 60_000 + 15_000, 4 * 60_000 + 15_000, null]);
      const events = (await eventsOf('retried')).filter(({ eventType }) => eventType === 'flag_schedule.failed');
      expect(events.map(({ metadata }) => metadata.retryCount)).toEqual([0, 1, 2]);
      expect(events.at(-1)?.metadata.nextRetryAt).toBeNull();
    });

    it('never retries with maxRetries 0', async () => {
      await addFlag('once');
      const { id } = await addDue(spine, clock, { flagKey: 'once', minutesAgo: 1, maxRetries: 0 });
      await spoil(id);
      await spine.applyDue();
      expect(await find(id)).toMatchObject({ status: 'FAILED', retryCount: 0, nextRetryAt: null });
    });

    it('is applied by its retry once what was wrong is right again, and keeps its last error', async () => {
      await addFlag('repaired');
      const { id } = await addDue(spine, clock, { flagKey: 'repaired', minutesAgo: 1 });
      await spoil(id);
      await spine.applyDue();
      const lastErrorAt = (await find(id))?.lastErrorAt;
      expect(lastErrorAt?.getTime()).toBeGreaterThan(Date.now() - 60_000);
      await setScheduleUpdates(db, id, { enabled: true });
      await makeRetryDue(id);
      await spine.applyDue();
      const applied = { status: 'APPLIED', retryCount: 1, errorMessage: null, nextRetryAt: null };
      expect(await find(id)).toMatchObject({ ...applied, lastError: expect.stringContaining('updates'), lastErrorAt });
      expect(await stateOf('repaired')).toMatchObject({ enabled: true });
    });

    it('has failed for good where its flag is gone', async () => {
      await addFlag('gone');
      const { id } = await addDue(spine, clock, { flagKey: 'gone', minutesAgo: 1 });
      await deleteFlagRow(db, 'gone');
      await spine.applyDue();
      expect(await find(id)).toMatchObject({
        status: 'FAILED',
        flagKey: 'gone',
        errorMessage: "flag 'gone' no longer exists",
        nextRetryAt: null,
      });
      expect((await eventsOf('gone')).at(-1)).toMatchObject({
        eventType: 'flag_schedule.failed',
        metadata: { nextRetryAt: null },
      });
    });

    it('never undoes a later schedule that was applied meanwhile: it is superseded, for good', async () => {
      await addFlag('superseded');
      const early = await addDue(spine, clock, { flagKey: 'superseded', minutesAgo: 10, updates: { rolloutPercentage: 10 } });
      await spoil(early.id);
      await spine.applyDue();
      const later = await addDue(spine, clock, { flagKey: 'superseded', minutesAgo: 5, updates: { rolloutPercentage: 50 } });
      await spine.applyDue();
      await setScheduleUpdates(db, early.id, { rolloutPercentage: 10 });
      await makeRetryDue(early.id);
      await spine.applyDue();
      expect(await find(early.id)).toMatchObject({ status: 'FAILED', retryCount: 1, nextRetryAt: null });
      expect((await find(early.id))?.errorMessage).toMatch(
        new RegExp(`^superseded: rolloutPercentage was changed from 100 to 50 by schedule '${later.id}' at 2`),
      );
      expect(await stateOf('superseded')).toMatchObject({ rollout: 50 });
    });

    it('does not undo a later one of its own batch either', async () => {
      await addFlag('same-batch');
      const early = await addDue(spine, clock, { flagKey: 'same-batch', minutesAgo: 10, updates: { rolloutPercentage: 10 } });
      await spoil(early.id);
      await spine.applyDue();
      await setScheduleUpdates(db, early.id, { rolloutPercentage: 10 });
      await makeRetryDue(early.id);
      await addDue(spine, clock, { flagKey: 'same-batch', minutesAgo: 5, updates: { rolloutPercentage: 50 } });
      expect((await spine.applyDue()).applied).toHaveLength(2);
      expect(await stateOf('same-batch')).toMatchObject({ rollout: 50 });
    });
  });

  it('takes retries and fresh schedules by the instant at which they became due: neither starves the other', async () => {
    const small = await makeSpine(db.database, { clock, batchSize: 2 });
    const add = async (flagKey: string, minutesAgo: number) => {
      await addFlag(flagKey);
      return addDue(spine, clock, { flagKey, minutesAgo });
    };
    const retry = await add('waiting-retry', 100);
    const fresh = [await add('fresh-1', 40), await add('fresh-2', 20), await add('fresh-3', 10), await add('fresh-4', 5)];
    await db.sql(
      `UPDATE feature_flag_schedules SET status = 'FAILED', next_retry_at = now() - interval '15 minutes' WHERE id = $1`,
      [retry.id],
    );
    const ids = async () => (await small.applyDue()).applied.map(({ schedule }) => schedule.id).toSorted();
    expect(await ids()).toEqual([fresh[0]?.id, fresh[1]?.id].toSorted());
    expect(await ids()).toEqual([retry.id, fresh[2]?.id].toSorted());
    expect(await ids()).toEqual([fresh[3]?.id]);
    expect(await ids()).toEqual([]);
  });
});
