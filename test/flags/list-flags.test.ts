import { beforeAll, describe, expect, it } from 'vitest';
import type { FlagFilter } from '../../src/flags/commands/flag-store.ts';
import { makeFlagStore } from '../../src/flags/store/flag-store.ts';
import type { ScheduleFilter } from '../../src/schedules/model/schedule-filter.ts';
import { makeCountSchedules } from '../../src/schedules/store/schedule-counts.ts';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { createPostgresDatabase, databases, type TestDatabase } from '../support/databases.ts';
import { startTestService } from '../support/service.ts';
import { anAdmin, makeSpine, manualClock, minutesFrom } from '../support/spine.ts';
import { setScheduleUpdates } from '../support/tables.ts';

const admin = anAdmin();
const everything = { limit: 50, inverted: false };

/** Four flags: `a` is on in production, `b` at 20 % and held in staging, `c` scheduled in staging, `d` archived and on. */
const seed = async ({ database, sql }: TestDatabase) => {
  const clock = manualClock(new Date());
  const spine = await makeSpine(database, { clock });
  const now = new Date();
  for (const [index, name] of ['Zeta', 'Alpha', 'Alpha', 'Beta'].entries()) {
    clock.at = minutesFrom(now, index - 60);
    await spine.createFlag(admin, { key: 'abcd'.charAt(index), name });
  }
  const set = (flagKey: string, updates: object, environment = 'production') =>
    spine.updateFlagState(admin, { flagKey, environment, updates });
  await set('a', { enabled: true });
  await set('b', { rolloutPercentage: 20 });
  await set('d', { enabled: true });
  await spine.emergencyOverride(admin, { flagKey: 'b', environment: 'staging', updates: { enabled: false }, reason: 'x' });
  await spine.setFlagStatus(admin, { flagKey: 'd' }, 'ARCHIVED');
  clock.at = now;
  await spine.updateFlag(admin, { flagKey: 'a', description: 'changed last' });
  const schedule = (minutes: number, environment: string) =>
    spine.createSchedule(admin, {
      flagKey: 'c',
      environment,
      scheduledAt: minutesFrom(new Date(), minutes),
      updates: { enabled: true },
    });
  const ids: string[] = [];
  for (const [minutes, environment] of [
    [30, 'staging'],
    [300, 'staging'],
    [3000, 'staging'],
    [40, 'staging'],
    [50, 'staging'],
    [60, 'staging'],
    [70, 'staging'],
    [80, 'staging'],
  ] as const) {
    ids.push((await schedule(minutes, environment)).id);
  }
  const become = (index: number, columns: string) =>
    sql(`UPDATE feature_flag_schedules SET ${columns} WHERE id = $1`, [ids[index]]);
  await become(3, `status = 'APPLIED', applied_at = now()`);
  await become(4, `status = 'CANCELLED'`);
  await become(5, `status = 'FAILED', next_retry_at = now() + interval '5 minutes'`);
  await become(6, `status = 'FAILED'`);
  await become(7, `scheduled_at = now() - interval '2 minutes'`);
  return spine;
};

describe.each(databases)('flags on $kind', ({ createDatabase }) => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createDatabase();
    await seed(db);
  });
  const keys = async (...args: Parameters<ReturnType<typeof makeFlagStore>['list']>) =>
    (await makeFlagStore(db.database.prisma).list(...args)).map(({ key }) => key).join('');

  it.each<[FlagFilter, string]>([
    [{ state: { environment: 'production', enabled: true } }, 'ad'],
    [{ state: { environment: 'production', enabled: true }, statuses: ['ACTIVE'] }, 'a'],
    [{ state: { environment: 'production', enabled: false } }, 'bc'],
    [{ state: { environment: 'staging', enabled: true } }, ''],
    [{ state: { environment: 'nowhere' } }, ''],
    [{ state: { environment: 'production', maxRollout: 20 } }, 'b'],
    [{ state: { environment: 'production', minRollout: 21 } }, 'acd'],
    [{ state: { environment: 'production', minRollout: 20, maxRollout: 20, enabled: true } }, ''],
    [{ state: { environment: 'production', hasExperiment: true } }, ''],
    [{ state: { environment: 'production', hasExperiment: false } }, 'abcd'],
    [{ hasEmergency: true }, 'b'],
    [{ hasEmergency: false }, 'acd'],
    [{ hasEmergency: true, state: { environment: 'production' } }, ''],
    [{ hasEmergency: true, state: { environment: 'staging', enabled: false } }, 'b'],
    [{ hasOpenSchedules: true }, 'c'],
    [{ hasOpenSchedules: false }, 'abd'],
    [{ hasOpenSchedules: true, state: { environment: 'production' } }, ''],
    [{ hasOpenSchedules: true, state: { environment: 'staging' } }, 'c'],
    [{ state: null, hasEmergency: null, hasOpenSchedules: null }, 'abcd'],
  ])('are found and counted by what holds in an environment: %j', async (filter, expected) => {
    expect(await keys(filter, everything)).toBe(expected);
    expect(await makeFlagStore(db.database.prisma).count(filter)).toBe(expected.length);
  });

  it('are in order of the key, the name, the creation and the last change, from either end and between two places', async () => {
    const flags = makeFlagStore(db.database.prisma);
    const orders = { key: 'abcd', name: 'bcda', createdAt: 'abcd', updatedAt: 'bcda' } as const;
    // `d` was archived, and `a` changed after it: their states are left out.
    for (const [by, expected] of Object.entries(orders) as [keyof typeof orders, string][]) {
      expect([by, await keys({}, everything, by)]).toEqual([by, expected]);
      expect(await keys({}, { ...everything, inverted: true }, by)).toBe([...expected].reverse().join(''));
      const [first, , , last] = await flags.list({}, everything, by);
      expect(await keys({}, { ...everything, ...(first && { after: first }), ...(last && { before: last }) }, by)).toBe(
        expected.slice(1, 3),
      );
      const [, second] = await flags.list({}, everything, by);
      expect(await keys({}, { limit: 1, inverted: true, ...(second && { before: second }) }, by)).toBe(expected.charAt(0));
    }
  });

  it('are counted for a dashboard in one environment, as the filters find them', async () => {
    const { counts } = makeFlagStore(db.database.prisma);
    const all = { total: 4, active: 3, deprecated: 0, archived: 1, withExperiment: 0 };
    expect(await counts('production')).toEqual({ ...all, enabled: 2, disabled: 2, withEmergency: 0, withOpenSchedules: 0 });
    expect(await counts('staging')).toEqual({ ...all, enabled: 0, disabled: 4, withEmergency: 1, withOpenSchedules: 1 });
    expect(await counts('nowhere')).toBe(null);
  });

  it('a status that is scheduled in one environment is an open schedule of each', async () => {
    const flags = makeFlagStore(db.database.prisma);
    const inProduction: FlagFilter = { hasOpenSchedules: true, state: { environment: 'production' } };
    const before = (await flags.counts('production'))?.withOpenSchedules;
    const [id] = (
      await db.sql<{ id: string }>(`UPDATE feature_flag_schedules SET updates = '{"status":"ARCHIVED"}'
      WHERE id = (SELECT id FROM feature_flag_schedules WHERE status = 'PENDING' ORDER BY scheduled_at DESC LIMIT 1) RETURNING id`)
    ).map((row) => row.id);
    expect(await keys(inProduction, everything)).toBe('c');
    expect(await keys({ ...inProduction, hasOpenSchedules: false }, everything)).toBe('abd');
    expect((await flags.counts('production'))?.withOpenSchedules).toBe((before ?? 0) + 1);
    await setScheduleUpdates(db, id ?? expect.unreachable(), { enabled: true });
  });

  it('schedules are counted for a dashboard, as the filters of their list find them', async () => {
    const count = makeCountSchedules(db.database.prisma);
    const expected = { total: 8, pending: 4, applied: 1, failed: 2, cancelled: 1, open: 5, willRetry: 1, gaveUp: 1 };
    expect(await count({})).toEqual({ ...expected, overdue: 1, dueWithinHour: 2, dueWithinDay: 3 });
    const filters: ScheduleFilter[] = [
      { flagKey: 'c' },
      { flagKey: 'a' },
      { environment: 'production' },
      { statuses: ['FAILED', 'APPLIED'] },
      { statuses: [] },
      { createdBy: 'admin-a' },
      { createdBy: 'nobody' },
      { from: new Date(), to: minutesFrom(new Date(), 45) },
      { flagKeys: ['a', 'c'] },
      { open: true },
      { open: false },
      { willRetry: true },
      { willRetry: false },
      { cancelledBy: 'admin-a' },
      { createdFrom: minutesFrom(new Date(), -5), createdTo: new Date() },
      { appliedFrom: minutesFrom(new Date(), -60 * 24) },
      { appliedTo: new Date() },
      { search: 'c' },
      { search: '%_' },
    ];
    for (const filter of filters) {
      const total = await makeScheduleStore(db.database.prisma).count(filter);
      expect([filter, (await count(filter)).total]).toEqual([filter, total]);
    }
  });
});

describe('the list of flags', () => {
  type Page = {
    flags: { totalCount: number; pageInfo: { endCursor: string; hasNextPage: boolean }; edges: { node: { key: string } }[] };
  };
  const query = `query ($order: FlagOrder, $after: String, $before: String, $first: Int, $last: Int) {
    flags(order: $order, after: $after, before: $before, first: $first, last: $last) {
      totalCount pageInfo { endCursor hasNextPage } edges { node { key } } } }`;

  it('is paged in every order, and takes no cursor of another; a dashboard is one request', async () => {
    const db = await createPostgresDatabase();
    await seed(db);
    const service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api' } });
    const read = (variables: object) => service.gql<Page>(query, { ...variables });
    const cursors = new Map<string, string>();
    for (const [order, expected] of Object.entries({
      KEY_A_TO_Z: 'abcd',
      KEY_Z_TO_A: 'dcba',
      NAME_A_TO_Z: 'bcda',
      NAME_Z_TO_A: 'adcb',
      CREATED_NEWEST_FIRST: 'dcba',
      CREATED_OLDEST_FIRST: 'abcd',
      UPDATED_NEWEST_FIRST: 'adcb',
      UPDATED_OLDEST_FIRST: 'bcda',
      STATE_UPDATED_NEWEST_FIRST: 'dbac',
      STATE_UPDATED_OLDEST_FIRST: 'cabd',
    })) {
      let [found, after]: [string, string | undefined] = ['', undefined];
      for (let page = 1; page <= 2; page++) {
        const { data } = await read({ order, first: 2, after });
        const { edges, pageInfo } = data?.flags ?? expect.unreachable();
        found += edges.map(({ node }) => node.key).join('');
        after = pageInfo.endCursor;
        expect(pageInfo.hasNextPage).toBe(page === 1);
      }
      expect([order, found]).toEqual([order, expected]);
      const last = await read({ order, last: 2, before: after });
      expect(last.data?.flags.edges.map(({ node }) => node.key).join('')).toBe(expected.slice(1, 3));
      cursors.set(order, after ?? '');
    }
    for (const [order, of] of [
      ['NAME_A_TO_Z', 'KEY_A_TO_Z'],
      ['KEY_A_TO_Z', 'NAME_A_TO_Z'],
      ['CREATED_OLDEST_FIRST', 'UPDATED_OLDEST_FIRST'],
    ] as const) {
      expect((await read({ order, after: cursors.get(of) })).errors?.[0]).toMatchObject({
        message: expect.stringContaining('is not a cursor of this list'),
        extensions: { code: 'BAD_USER_INPUT' },
      });
    }
    const dashboard = await service.gql(
      `{ scheduleCounts(filter: { environment: "staging" }) { total overdue } flagCounts { total enabled } none: flagCounts(environment: "x") { total }
        flags(filter: { state: { enabled: true, environment: "production" }, statuses: [ACTIVE] }) { totalCount } }`,
    );
    expect(dashboard.data).toEqual({
      scheduleCounts: { total: 8, overdue: 1 },
      flagCounts: { total: 4, enabled: 2 },
      none: null,
      flags: { totalCount: 1 },
    });
  });
});
