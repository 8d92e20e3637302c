import { beforeAll, describe, expect, it } from 'vitest';
import { maxEnvironments } from '../../src/environments/model/environment.ts';
import { EnvironmentDisabledError } from '../../src/environments/model/environment-errors.ts';
import { makeEnvironmentStore } from '../../src/environments/store/environment-store.ts';
import { makeFlagStore } from '../../src/flags/store/flag-store.ts';
import { ValidationError } from '../../src/kernel/errors.ts';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { databases, type TestDatabase } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, type Spine } from '../support/spine.ts';
import { makeRetriesDue, readLog } from '../support/tables.ts';

describe.each(databases)('environments on $kind', ({ createDatabase }) => {
  const clock = manualClock();
  const admin = anAdmin();
  let db: TestDatabase;
  let spine: Spine;
  beforeAll(async () => {
    db = await createDatabase();
    spine = await makeSpine(db.database, { clock });
    await spine.createFlag(admin, { key: 'f', name: 'f' });
  });
  const statesOf = async (key: string) => {
    const flags = makeFlagStore(db.database.prisma);
    const { id = '' } = (await flags.find(key)) ?? {};
    return (await flags.statesOf([id])).get(id) ?? [];
  };
  const find = (id: string) => makeScheduleStore(db.database.prisma).find(id);
  const makeRetryDue = (id: string) => makeRetriesDue(db, [id]);
  const setEnabled = (key: string, enabled: boolean) => spine.setEnvironmentEnabled(admin, { key }, enabled);

  it('start with a state of every flag, as a new flag has it', async () => {
    expect(await spine.createEnvironment(admin, { key: 'qa', name: 'QA' })).toEqual({ key: 'qa', name: 'QA', enabled: true });
    await spine.createFlag(admin, { key: 'younger', name: 'y' });
    const [old, fresh] = [(await statesOf('f')).at(-1), (await statesOf('younger')).at(-1)];
    expect(old).toMatchObject({ environment: 'qa', enabled: false, version: 1 });
    expect(old).toEqual({ ...fresh, flagId: old?.flagId, updatedAt: old?.updatedAt });
  });

  it('fail due schedules with a retry while they are disabled, and apply them once they are enabled, in order', async () => {
    const failing = [
      await addDue(spine, clock, { flagKey: 'f', minutesAgo: 9, environment: 'staging', updates: { rolloutPercentage: 10 } }),
      await addDue(spine, clock, { flagKey: 'f', minutesAgo: 8, environment: 'staging', updates: { enabled: true } }),
    ];
    await setEnabled('staging', false);
    const { applied, failed, now } = await spine.applyDue();
    expect(applied).toEqual([]);
    expect(failed.map(({ schedule }) => schedule.id)).toEqual(failing.map(({ id }) => id));
    for (const { id } of failing) {
      const schedule = await find(id);
      expect(schedule).toMatchObject({
        status: 'FAILED',
        retryCount: 0,
        errorMessage: new EnvironmentDisabledError('staging').message,
      });
      expect(schedule?.nextRetryAt?.getTime()).toBeGreaterThan(now.getTime());
    }
    await spine.sequence();
    const events = (await readLog(db)).filter(({ eventType }) => eventType === 'flag_schedule.failed');
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({ environment: 'staging', errorMessage: expect.stringContaining('is disabled') });

    await setEnabled('staging', true);
    expect((await spine.applyDue()).applied).toEqual([]);
    for (const { id } of failing) await makeRetryDue(id);
    expect((await spine.applyDue()).applied.map(({ schedule }) => schedule.id)).toEqual(failing.map(({ id }) => id));
    expect((await statesOf('f')).find(({ environment }) => environment === 'staging')).toMatchObject({
      enabled: true,
      rolloutPercentage: 10,
    });
  });

  it('take no new schedules while they are disabled', async () => {
    await setEnabled('staging', false);
    const scheduling = addDue(spine, clock, { flagKey: 'f', minutesAgo: 1, environment: 'staging' });
    await expect(scheduling).rejects.toThrow(EnvironmentDisabledError);
    await setEnabled('staging', true);
    expect(await spine.applyDue()).toMatchObject({ applied: [], failed: [] });
  });

  it('starve no other while they are disabled, however much is due in them', async () => {
    const small = await makeSpine(db.database, { clock, batchSize: 2 });
    for (let minutesAgo = 60; minutesAgo > 55; minutesAgo--) {
      await addDue(spine, clock, { flagKey: 'f', minutesAgo, environment: 'development' });
    }
    const { id } = await addDue(spine, clock, { flagKey: 'younger', minutesAgo: 1, environment: 'production' });
    await setEnabled('development', false);
    const applied: string[] = [];
    for (let batch = 1; batch <= 3; batch++) applied.push(...(await small.applyDue()).applied.map(({ schedule }) => schedule.id));
    expect(applied).toEqual([id]);
    await setEnabled('development', true);
  });

  it(`are at most ${maxEnvironments}`, async () => {
    const { length } = await makeEnvironmentStore(db.database.prisma).list();
    for (let n = length; n < maxEnvironments; n++) await spine.createEnvironment(admin, { key: `e${n}`, name: 'x' });
    await expect(spine.createEnvironment(admin, { key: 'last', name: 'x' })).rejects.toThrow(ValidationError);
    expect(await statesOf('f')).toHaveLength(maxEnvironments);
  });
});
