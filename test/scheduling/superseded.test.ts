import { beforeAll, describe, expect, it } from 'vitest';
import type { FlagUpdates } from '../../src/flags/model/flag-updates.ts';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { createPostgresDatabase, databases, openBeside, type TestDatabase } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, type Spine } from '../support/spine.ts';
import { makeRetriesDue, readLog } from '../support/tables.ts';

// A schedule failed; what was done before its retry is not undone by it, and what has nothing to do with it is not in its way.

const carol = anAdmin('carol');
const variants = ['red', 'green'].map((key) => ({ key, value: key }));
const rule = { key: 'beta', description: null, targeting: { if: [{ var: 'beta' }, 'red', null] } };

describe.each(databases)('a retry on $kind', ({ createDatabase }) => {
  const clock = manualClock();
  let db: TestDatabase;
  let spine: Spine;
  let flagKey: string;
  let flags = 0;
  beforeAll(async () => {
    db = await createDatabase();
    spine = await makeSpine(db.database, { clock });
  });

  const aFlag = async () => {
    flagKey = `flag-${++flags}`;
    await spine.createFlag(anAdmin(), { key: flagKey, name: flagKey, type: 'STRING', variants });
  };
  const target = (environment = 'production') => ({ flagKey, environment });
  const set = (updates: FlagUpdates, environment?: string) => spine.updateFlagState(carol, { ...target(environment), updates });
  const hold = (updates: FlagUpdates) => spine.emergencyOverride(anAdmin(), { ...target(), updates, reason: 'fire' });
  const lift = () => spine.liftEmergencyOverride(anAdmin(), target());
  const enable = (enabled: boolean, key = 'production') => spine.setEnvironmentEnabled(anAdmin(), { key }, enabled);
  /** A schedule that fails at its first try, since its environment is disabled then. */
  const aFailed = async (updates: FlagUpdates, { environment = 'production', minutesAgo = 10 } = {}) => {
    const schedule = await addDue(spine, clock, { flagKey, minutesAgo, environment, updates });
    await enable(false, environment);
    expect((await spine.applyDue()).failed).toMatchObject([{ schedule: { id: schedule.id, nextRetryAt: expect.any(Date) } }]);
    await enable(true, environment);
    clock.at = new Date();
    return schedule;
  };
  const retry = async () => {
    await makeRetriesDue(db);
    const { applied, failed } = await spine.applyDue();
    return { applied: applied.map(({ schedule }) => schedule.id), failed: failed.map(({ schedule }) => schedule) };
  };
  const stateOf = async (environment = 'production') => {
    const [row] = await db.sql(
      `SELECT s.enabled, s.rollout_percentage AS rollout, s.default_variant AS variant, f.status FROM feature_flag_states s
       JOIN feature_flags f ON f.id = s.flag_id WHERE f.key = $1 AND s.environment_key = $2`,
      [flagKey, environment],
    );
    return row;
  };

  it('leaves alone what an admin set by hand after an emergency was lifted, and says who, when, from what to what', async () => {
    await aFlag();
    await hold({ enabled: false, rolloutPercentage: 0 });
    const schedule = await addDue(spine, clock, { flagKey, minutesAgo: 5, updates: { rolloutPercentage: 77 } });
    clock.at = new Date();
    expect((await spine.applyDue()).failed).toMatchObject([{ schedule: { id: schedule.id, retryCount: 0 } }]);
    await lift();
    await set({ rolloutPercentage: 5 });
    const errorMessage = `superseded: rolloutPercentage was changed from 0 to 5 by 'carol' at ${clock.at.toISOString()}, after this schedule had failed first`;
    expect(await retry()).toMatchObject({ applied: [], failed: [{ id: schedule.id, nextRetryAt: null, errorMessage }] });
    expect(await stateOf()).toMatchObject({ enabled: false, rollout: 5 });
    await spine.sequence();
    expect((await readLog(db)).at(-1)).toMatchObject({
      eventType: 'flag_schedule.failed',
      scheduleId: schedule.id,
      metadata: { errorMessage, nextRetryAt: null },
      description: expect.stringMatching(/superseded: .* first; it is not tried again$/),
    });
  });

  it('is not superseded by a later schedule that touched another field', async () => {
    await aFlag();
    const enabling = await aFailed({ enabled: true });
    const later = await addDue(spine, clock, { flagKey, minutesAgo: 5, updates: { rolloutPercentage: 25 } });
    expect((await spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual([later.id]);
    expect(await retry()).toEqual({ applied: [enabling.id], failed: [] });
    expect(await stateOf()).toMatchObject({ enabled: true, rollout: 25 });
  });

  it('applies after an emergency that was in force when it failed first: that is what it waited for', async () => {
    await aFlag();
    await hold({ enabled: false });
    const schedule = await addDue(spine, clock, { flagKey, minutesAgo: 5, updates: { enabled: true } });
    await spine.applyDue();
    await lift();
    expect(await retry()).toEqual({ applied: [schedule.id], failed: [] });
  });

  it.each<[string, FlagUpdates, () => Promise<unknown>, string]>([
    [
      'an emergency that came between, though it kept the value',
      { enabled: true },
      async () => {
        await hold({ enabled: false });
        await lift();
      },
      "enabled was set to false by 'admin-a' at",
    ],
    ['a default variant', { defaultVariant: 'red' }, () => set({ defaultVariant: 'green' }), "from null to 'green' by 'carol'"],
    [
      'a rule that was added',
      { rules: [] },
      () => spine.addFlagRule(carol, { ...target(), rule }),
      'count was changed from 0 to 1',
    ],
    [
      'the winner of an experiment',
      { defaultVariant: 'red' },
      async () => {
        const arms = variants.map(({ key }) => ({ variant: key, weight: 1 }));
        await spine.startExperiment(carol, { ...target(), experiment: { key: 'e', variants: arms } });
        await spine.stopExperiment(carol, { ...target(), outcome: 'better', winningVariant: 'green' });
      },
      "defaultVariant was changed from null to 'green' by 'carol'",
    ],
    [
      'a status that was set and taken back',
      { status: 'ARCHIVED' },
      async () => {
        await spine.setFlagStatus(carol, { flagKey }, 'DEPRECATED');
        await spine.setFlagStatus(carol, { flagKey }, 'ACTIVE');
      },
      "status was changed from 'DEPRECATED' to 'ACTIVE' by 'carol'",
    ],
    [
      'a status that was set with another environment',
      { status: 'ARCHIVED' },
      () => set({ status: 'DEPRECATED' }, 'staging'),
      "status was changed from 'ACTIVE' to 'DEPRECATED' by 'carol'",
    ],
    [
      'two fields of it',
      { enabled: true, rolloutPercentage: 77, defaultVariant: 'red' },
      () => set({ enabled: false, rolloutPercentage: 5 }),
      "enabled was set to false by 'carol' at .*; rolloutPercentage was changed from 100 to 5 by 'carol'",
    ],
  ])('never undoes %s', async (_, updates, work, reason) => {
    await aFlag();
    await aFailed(updates);
    await work();
    const before = await stateOf();
    const { applied, failed } = await retry();
    expect([applied, failed.map(({ nextRetryAt }) => nextRetryAt)]).toEqual([[], [null]]);
    expect(failed[0]?.errorMessage).toMatch(new RegExp(`^superseded: .*${reason}`));
    expect(await stateOf()).toEqual(before);
  });

  it.each<[string, FlagUpdates, () => Promise<unknown>]>([
    ['somebody set another field', { enabled: true }, () => set({ rolloutPercentage: 5 })],
    ['somebody set the same field elsewhere', { enabled: true }, () => set({ enabled: true }, 'staging')],
    ['somebody set what it sets', { rolloutPercentage: 77 }, () => set({ rolloutPercentage: 77 })],
    ['somebody gave the flag another name', { status: 'DEPRECATED' }, () => spine.updateFlag(carol, { flagKey, name: 'New' })],
  ])('applies where %s', async (_, updates, work) => {
    await aFlag();
    const { id } = await aFailed(updates);
    await work();
    expect(await retry()).toEqual({ applied: [id], failed: [] });
  });

  it('of a status never undoes that which a later schedule has set in another environment', async () => {
    await aFlag();
    const early = await aFailed({ status: 'DEPRECATED' }, { environment: 'staging' });
    const later = await addDue(spine, clock, { flagKey, minutesAgo: 5, updates: { status: 'ARCHIVED' } });
    await spine.applyDue();
    const { failed } = await retry();
    expect(failed).toMatchObject([{ id: early.id, nextRetryAt: null }]);
    expect(failed[0]?.errorMessage).toMatch(
      new RegExp(`^superseded: status was changed from 'ACTIVE' to 'ARCHIVED' by schedule '${later.id}' at 2`),
    );
  });

  it('is superseded by a person, too, where a schedule confirmed meanwhile what that person set', async () => {
    await aFlag();
    await aFailed({ rolloutPercentage: 77 }, { minutesAgo: 10 });
    const confirming = await aFailed({ rolloutPercentage: 5 }, { minutesAgo: 12 });
    await set({ rolloutPercentage: 5 });
    const { applied, failed } = await retry();
    expect(applied).toEqual([confirming.id]);
    expect(failed).toMatchObject([{ nextRetryAt: null, errorMessage: expect.stringContaining("by 'carol'") }]);
    expect(await stateOf()).toMatchObject({ rollout: 5 });
  });

  it('of a flag that somebody archived fails with who did it, and is tried again', async () => {
    await aFlag();
    const waiting = await aFailed({ enabled: true });
    const archiving = await addDue(spine, clock, {
      flagKey,
      minutesAgo: 5,
      environment: 'staging',
      updates: { status: 'ARCHIVED' },
    });
    await spine.applyDue();
    const archivedBy = (by: string) => ({
      failed: [
        { id: waiting.id, nextRetryAt: expect.any(Date), errorMessage: expect.stringContaining(`is archived (by ${by} at 2`) },
      ],
    });
    expect(await retry()).toMatchObject(archivedBy(`schedule '${archiving.id}'`));
    await spine.setFlagStatus(carol, { flagKey }, 'ACTIVE');
    await spine.setFlagStatus(carol, { flagKey }, 'ARCHIVED');
    expect(await retry()).toMatchObject(archivedBy("'carol'"));
    expect(await makeScheduleStore(db.database.prisma).find(waiting.id)).toMatchObject({ status: 'FAILED', retryCount: 2 });
  });
});

it('two workers and an admin race for 40 retries: the state is what the admin says, whoever is first', async () => {
  const db = await createPostgresDatabase();
  const beside = await openBeside(db.url);
  const [spine, other] = [await makeSpine(db.database), await makeSpine(beside)];
  await spine.createFlag(anAdmin(), { key: 'raced', name: 'Raced' });
  const byHand = (rolloutPercentage: number) =>
    spine.updateFlagState(carol, { flagKey: 'raced', environment: 'production', updates: { rolloutPercentage } });
  const outcomes: unknown[] = [];
  for (let round = 1; round <= 40; round++) {
    const wanted = round + 50;
    const [schedule] = await db.sql<{ id: string }>(
      `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, status, next_retry_at,
         tried_state_version, tried_flag_version, created_at, updated_at)
       SELECT gen_random_uuid(), f.id, f.key, 'production', now(), jsonb_build_object('rolloutPercentage', $1::int), 'FAILED', now(),
         s.version, f.version, now(), now()
       FROM feature_flags f JOIN feature_flag_states s ON s.flag_id = f.id AND s.environment_key = 'production' RETURNING id`,
      [wanted],
    );
    const works = [() => spine.applyDue(), () => other.applyDue(), () => byHand(round)];
    const first = round % works.length;
    await Promise.all([...works.slice(first), ...works.slice(0, first)].map((work) => work()));
    // Where the admin held the flag, the workers have left it for the next tick.
    await spine.applyDue();
    const [after] = await db.sql<{ status: string; error: string | null }>(
      `SELECT d.status, d.error_message AS error, s.rollout_percentage AS rollout, d.next_retry_at AS next FROM feature_flag_schedules d
       JOIN feature_flag_states s ON s.flag_id = d.flag_id AND s.environment_key = 'production' WHERE d.id = $1`,
      [schedule?.id],
    );
    expect(after).toMatchObject({ rollout: round, next: null });
    if (after?.status === 'FAILED') expect(after.error).toMatch(/^superseded: .* by 'carol'/);
    outcomes.push(after?.status);
  }
  await spine.sequence();
  const events = (await readLog(db)).filter(({ eventType }) => eventType.startsWith('flag_schedule.'));
  expect(events.map(({ eventType }) => eventType)).toEqual(
    outcomes.map((status) => (status === 'APPLIED' ? 'flag_schedule.applied' : 'flag_schedule.failed')),
  );
});
