import { beforeAll, describe, expect, it } from 'vitest';
import { type AuditEventFilter, matchesFilter } from '../../src/audit/model/audit-filter.ts';
import type { AuditLog } from '../../src/audit/ports/audit-log.ts';
import { makeAuditLog } from '../../src/audit/store/audit-log.ts';
import type { EnvironmentStore } from '../../src/environments/commands/environment-store.ts';
import { makeEnvironmentStore } from '../../src/environments/store/environment-store.ts';
import type { FlagStore } from '../../src/flags/commands/flag-store.ts';
import { makeFlagStore } from '../../src/flags/store/flag-store.ts';
import type { ScheduleStore } from '../../src/schedules/commands/schedule-store.ts';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { databases } from '../support/databases.ts';
import { addDue, anAdmin, makeSpine, manualClock, minutesFrom, type Spine } from '../support/spine.ts';

describe.each(databases)('stores on $kind', ({ createDatabase }) => {
  const clock = manualClock();
  let spine: Spine;
  let environments: EnvironmentStore;
  let flags: FlagStore;
  let schedules: ScheduleStore;
  let log: AuditLog;
  beforeAll(async () => {
    const { database } = await createDatabase();
    spine = await makeSpine(database, { clock });
    environments = makeEnvironmentStore(database.prisma);
    [flags, schedules, log] = [makeFlagStore(database.prisma), makeScheduleStore(database.prisma), makeAuditLog(database.prisma)];
    const variants = [{ key: 'é🎏', value: 'x' }];
    await spine.createFlag(anAdmin(), { key: 'b', name: 'Beta', type: 'STRING', variants, tags: ['x', 'y'] });
    await spine.createFlag(anAdmin('admin-b'), { key: 'a', name: 'Alpha_100%', tags: ['x'] });
    await spine.createFlag(anAdmin(), { key: 'c', name: 'Gamma', description: 'third' });
    await addDue(spine, clock, { flagKey: 'a', minutesAgo: 5, environment: 'staging' });
    await spine.applyDue();
    clock.at = new Date();
    await spine.setFlagStatus(anAdmin(), { flagKey: 'c' }, 'DEPRECATED');
    await spine.sequence();
  });
  const forwards = { limit: 10, inverted: false };

  describe('the flag store', () => {
    const keys = async (...args: Parameters<FlagStore['list']>) => (await flags.list(...args)).map(({ key }) => key);

    it('has three environments from the start, in their order', async () => {
      expect(await environments.list()).toMatchObject([
        { key: expect.any(String), enabled: true },
        { enabled: true },
        { enabled: true },
      ]);
      expect((await environments.list()).map(({ key }) => key).toSorted()).toEqual(['development', 'production', 'staging']);
    });

    it('finds a flag by its key, and null where there is none', async () => {
      expect(await flags.find('b')).toMatchObject({
        key: 'b',
        name: 'Beta',
        type: 'STRING',
        tags: ['x', 'y'],
        description: null,
      });
      expect(await flags.find('B')).toBeNull();
      const found = await flags.findByIds([(await flags.find('c'))?.id ?? '']);
      expect(found.map(({ description }) => description)).toEqual(['third']);
    });

    it('lists by key, from either end and between two places', async () => {
      expect(await keys({}, forwards)).toEqual(['a', 'b', 'c']);
      expect(await keys({}, { limit: 2, inverted: true })).toEqual(['c', 'b']);
      expect(await keys({}, { ...forwards, after: { key: 'a' }, before: { key: 'c' } })).toEqual(['b']);
    });

    it.each<[Parameters<FlagStore['list']>[0], string[]]>([
      [{ search: 'ALPHA' }, ['a']],
      [{ search: 'c' }, ['c']],
      [{ search: '%' }, ['a']],
      [{ search: '_' }, ['a']],
      [{ search: '\\' }, []],
      [{ type: 'STRING' }, ['b']],
      [{ tags: ['x'] }, ['a', 'b']],
      [{ tags: ['x', 'y'] }, ['b']],
      [{ search: null, type: null, tags: [] }, ['a', 'b', 'c']],
    ])('lists and counts by %j', async (filter, expected) => {
      expect(await keys(filter, forwards)).toEqual(expected);
      expect(await flags.count(filter)).toBe(expected.length);
    });

    it('has a flag’s state in every environment', async () => {
      const { id = '' } = (await flags.find('a')) ?? {};
      const states = (await flags.statesOf([id])).get(id) ?? [];
      const order = (await environments.list()).map(({ key }) => key);
      expect(states.map(({ environment }) => environment)).toEqual(order);
      expect(states.find(({ environment }) => environment === 'staging')).toMatchObject({ enabled: true, version: 2 });
    });
  });

  describe('the schedule store', () => {
    it('finds a schedule as it was added, and null where there is none', async () => {
      clock.at = new Date('2026-03-01T09:00:00.123Z');
      const added = await spine.createSchedule(anAdmin(), {
        flagKey: 'b',
        environment: 'production',
        scheduledAt: minutesFrom(clock.at, 60 * 24 * 365 * 4),
        updates: { enabled: false, rolloutPercentage: 0, defaultVariant: 'é🎏' },
        idempotencyKey: 'k',
      });
      expect(await schedules.find(added.id)).toEqual(added);
      expect(await schedules.find('01900000-0000-7000-8000-000000000000')).toBeNull();
    });

    it('tells the conflicts of many schedules at once', async () => {
      clock.at = new Date('2027-06-01T09:00:00.000Z');
      const add = (flagKey: string, minutes: number) =>
        spine.createSchedule(anAdmin(), {
          flagKey,
          environment: 'production',
          scheduledAt: minutesFrom(clock.at, minutes),
          updates: { enabled: true },
        });
      const [one, two, three, other] = [await add('c', 60), await add('c', 120), await add('c', 181), await add('a', 60)];
      const conflicts = await schedules.conflictsOf([one, two, three, other]);
      expect([one, two, three, other].map(({ id }) => conflicts.get(id))).toEqual([[two.id], [one.id], [], []]);
      expect(new Set(await schedules.findByIds([two.id, other.id]))).toEqual(new Set([two, other]));
      expect(await schedules.conflictsOf([])).toEqual(new Map());
    });
  });

  describe('the log', () => {
    it('is read from any position, in order', async () => {
      const size = await log.size();
      expect(size).toBe(6);
      expect((await log.readAfter(0, 100)).map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6]);
      expect((await log.readAfter(2, 2)).map(({ position }) => position)).toEqual([3, 4]);
      expect(await log.readAfter(size, 10)).toEqual([]);
      const [first] = await log.readAfter(0, 1);
      expect(await log.find(first?.event.id ?? '')).toEqual(first);
      expect(await log.find('01900000-0000-7000-8000-000000000000')).toBeNull();
    });

    it.each<AuditEventFilter>([
      {},
      { flagKey: 'a' },
      { types: ['flag.created', 'flag_schedule.applied'] },
      { types: [] },
      { actorId: 'admin-b' },
      { actorType: 'SYSTEM' },
      { resourceType: 'flag_schedule' },
      { environment: 'staging' },
      { environment: 'development' },
      { environment: 'development', types: ['flag.deprecated', 'flag.created'] },
      { result: 'FAILURE' },
      { requestId: 'r' },
      { workspaceId: 'w' },
      { flagKey: 'a', actorType: 'USER', environment: 'staging' },
      { flagKey: null, types: null, from: null, to: null },
    ])('lists and counts by %j, as the same filter judges in memory', async (filter) => {
      const all = await log.readAfter(0, 100);
      const expected = all.filter(({ event }) => matchesFilter(event, filter));
      expect(await log.list(filter, { limit: 100, inverted: false })).toEqual(expected);
      expect(await log.list(filter, { limit: 100, inverted: true })).toEqual(expected.toReversed());
      expect(await log.list(filter, { limit: 100, inverted: false, maxBytes: 1_000_000 })).toEqual(expected);
      expect(await log.count(filter)).toBe(expected.length);
    });

    it.each<AuditEventFilter>([{}, { actorType: 'USER' }, { types: ['flag.created', 'flag_schedule.applied'] }])(
      'is read forwards by bytes and %j: what fits, and the entry that is over it, so that there is always one',
      async (filter) => {
        const all = await log.list(filter, { limit: 100, inverted: false });
        const bytesOf = (entries: typeof all) =>
          entries.reduce((bytes, entry) => bytes + Buffer.byteLength(entry.entry + entry.disclosures), 0);
        const read = (maxBytes: number, slice: { after?: number; before?: number; limit?: number } = {}) =>
          log.list(filter, { limit: 100, inverted: false, maxBytes, ...slice });
        expect(await read(1)).toEqual(all.slice(0, 1));
        expect(await read(bytesOf(all.slice(0, 2)))).toEqual(all.slice(0, 2));
        expect(await read(bytesOf(all.slice(0, 2)) + 1)).toEqual(all.slice(0, 3));
        const [after, before] = [all[0]?.position ?? 0, all.at(-1)?.position ?? 0];
        expect(await read(1_000_000, { after, before })).toEqual(all.slice(1, -1));
        expect(await read(1_000_000, { after, limit: 1 })).toEqual(all.slice(1, 2));
        expect(await read(1_000_000, { after: before })).toEqual([]);
      },
    );

    it('takes from as the first instant of a range, and to as the first beyond it', async () => {
      const all = await log.readAfter(0, 100);
      const at = new Date(all[2]?.event.timestamp ?? '');
      for (const filter of [{ from: at }, { to: at }, { from: at, to: new Date(at.getTime() + 1) }]) {
        const expected = all.filter(({ event }) => matchesFilter(event, filter));
        expect(expected.length).toBeGreaterThan(0);
        expect(await log.list(filter, { limit: 100, inverted: false })).toEqual(expected);
      }
    });
  });
});
