import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { createFlag, createSchedule } from '../support/schedule-operations.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { minutesFrom } from '../support/spine.ts';

type Page = {
  schedules: {
    edges: { cursor: string; node: { id: string } }[];
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
    totalCount: number;
  };
};

let service: TestService;
/** Every schedule's id, by the short name that the test gave it. */
const ids: Record<string, string> = {};
const names = (page: Page) => page.schedules.edges.map(({ node }) => Object.keys(ids).find((name) => ids[name] === node.id));
const inOrder = ['early', 'twin-1', 'twin-2', 'cancelled', 'staging', 'by-b', 'search', 'failed', 'applied', 'late'];
const inCreation = ['late', 'applied', 'failed', 'search', 'by-b', 'staging', 'cancelled', 'twin-1', 'twin-2', 'early'];
const start = minutesFrom(new Date(), 60);
const instant = (minutes: number) => minutesFrom(start, minutes).toISOString();

beforeAll(async () => {
  const db = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: db.url, env: { ROLES: 'api' } });
  for (const key of ['checkout', 'search']) await createFlag(service, key);
  const add = async (name: string, minutes: number, rest = {}, options = {}) => {
    const input = { flagKey: 'checkout', scheduledAt: instant(minutes), updates: { enabled: true }, ...rest };
    ids[name] = (await createSchedule(service, input, options)).id;
  };
  // Not in the order in which they are due.
  await add('late', 90);
  await add('applied', 80);
  await add('failed', 70);
  await add('search', 60, { flagKey: 'search' });
  await add('by-b', 50, {}, { as: await token({ sub: 'admin-b' }) });
  await add('staging', 40, { environment: 'staging' });
  await add('cancelled', 30);
  await add('twin-1', 20);
  await add('twin-2', 20);
  await add('early', 10);
  for (const [name, status] of [
    ['applied', 'APPLIED'],
    ['failed', 'FAILED'],
    ['cancelled', 'CANCELLED'],
  ] as const)
    await db.sql(
      `UPDATE feature_flag_schedules SET status = $1::text, applied_at = CASE WHEN $1::text = 'APPLIED' THEN now() END WHERE id = $2`,
      [status, ids[name]],
    );
});

const list = (variables: Record<string, unknown> = {}) =>
  service.gql<Page>(
    `query ($filter: ScheduleFilter, $order: ScheduleOrder, $first: Int, $after: String, $last: Int, $before: String) {
      schedules(filter: $filter, order: $order, first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`,
    variables,
  );
const page = async (variables: Record<string, unknown> = {}): Promise<Page> => {
  const { data, errors } = await list(variables);
  return data ?? expect.unreachable(JSON.stringify(errors));
};

describe('schedules', () => {
  it('come oldest due first, and those of one instant by id', async () => {
    const all = await page();
    expect(names(all)).toEqual(inOrder);
    expect(all.schedules.totalCount).toBe(10);
  });

  it.each<[string, object, string[]]>([
    ['a flag', { flagKey: 'search' }, ['search']],
    ['an environment', { environment: 'staging' }, ['staging']],
    ['a status', { statuses: ['APPLIED'] }, ['applied']],
    ['several statuses', { statuses: ['CANCELLED', 'FAILED'] }, ['cancelled', 'failed']],
    ['a creator', { createdBy: 'admin-b' }, ['by-b']],
    ['an instant on', { from: instant(80) }, ['applied', 'late']],
    ['before an instant', { to: instant(20) }, ['early']],
    ['a range, its end left out', { from: instant(20), to: instant(40) }, ['twin-1', 'twin-2', 'cancelled']],
    ['a range in another offset', { from: instant(90).replace('Z', '+00:00') }, ['late']],
    [
      'all of it at once',
      {
        flagKey: 'checkout',
        environment: 'production',
        statuses: ['PENDING'],
        createdBy: 'admin-a',
        from: instant(20),
        to: instant(90),
      },
      ['twin-1', 'twin-2'],
    ],
    ['several flags', { flagKeys: ['search', 'nothing'] }, ['search']],
    ['no flag', { flagKeys: [] }, []],
    ['being open', { open: true, createdBy: 'admin-b' }, ['by-b']],
    ['not being open', { open: false }, ['cancelled', 'failed', 'applied']],
    ['having given up', { willRetry: false }, ['failed']],
    ['a retry to come', { willRetry: true }, []],
    ['a part of the flag’s key', { search: 'EARC' }, ['search']],
    ['what no index knows', { search: '%_' }, []],
    ['an unknown flag', { flagKey: 'nothing' }, []],
    ['no status', { statuses: [] }, []],
    [
      'null, which restricts nothing',
      { flagKey: null, environment: null, statuses: null, createdBy: null, from: null, to: null },
      inOrder,
    ],
  ])('are listed by %s', async (_, filter, expected) => {
    const found = await page({ filter });
    expect(names(found)).toEqual(expected);
    expect(found.schedules.totalCount).toBe(expected.length);
  });

  it.each([1, 3, 4, 10])('are paged forwards, %i at a time, without gap or repetition', async (first) => {
    const found: unknown[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 12; pages++) {
      const { schedules }: Page = await page({ first, after });
      found.push(...names({ schedules }));
      expect(schedules.pageInfo.hasNextPage).toBe(found.length < 10);
      expect(schedules.totalCount).toBe(10);
      after = schedules.pageInfo.endCursor;
      if (!schedules.pageInfo.hasNextPage) break;
    }
    expect(found).toEqual(inOrder);
  });

  it.each([1, 3, 4, 10])('are paged backwards, %i at a time', async (last) => {
    const found: unknown[] = [];
    let before: string | null = null;
    for (let pages = 0; pages < 12; pages++) {
      const { schedules }: Page = await page({ last, before });
      found.unshift(...names({ schedules }));
      expect(schedules.pageInfo.hasPreviousPage).toBe(found.length < 10);
      before = schedules.pageInfo.startCursor;
      if (!schedules.pageInfo.hasPreviousPage) break;
    }
    expect(found).toEqual(inOrder);
  });

  it.each<[string, string[]]>([
    ['DUE_OLDEST_FIRST', inOrder],
    ['DUE_NEWEST_FIRST', inOrder.toReversed()],
    ['CREATED_OLDEST_FIRST', inCreation],
    ['CREATED_NEWEST_FIRST', inCreation.toReversed()],
    ['APPLIED_OLDEST_FIRST', ['applied']],
    ['APPLIED_NEWEST_FIRST', ['applied']],
  ])('come in the order %s, page by page from either end', async (order, expected) => {
    const all = await page({ order });
    expect(names(all)).toEqual(expected);
    expect(all.schedules.totalCount).toBe(expected.length);
    const second = all.schedules.edges[1]?.cursor ?? all.schedules.edges[0]?.cursor;
    expect(names(await page({ order, after: second, first: 3 }))).toEqual(expected.slice(2, 5));
    expect(names(await page({ order, before: second, last: 3 }))).toEqual(expected.slice(0, 1).filter(() => expected.length > 1));
    expect(names(await page({ order, last: 2 }))).toEqual(expected.slice(-2));
  });

  it('refuse a cursor of another order, and say of which it is', async () => {
    const [due, created] = [await page({ first: 1 }), await page({ first: 1, order: 'CREATED_NEWEST_FIRST' })];
    const cursorOf = ({ schedules }: Page) => schedules.pageInfo.endCursor;
    for (const [order, after, own] of [
      ['CREATED_NEWEST_FIRST', cursorOf(due), 'DUE_OLDEST_FIRST'],
      ['CREATED_OLDEST_FIRST', cursorOf(created), 'CREATED_NEWEST_FIRST'],
      ['DUE_OLDEST_FIRST', cursorOf(created), 'CREATED_NEWEST_FIRST'],
    ]) {
      expect(await list({ order, after })).toMatchObject({
        status: 400,
        errors: [{ message: expect.stringContaining(`a cursor of the order ${own}`), extensions: { code: 'BAD_USER_INPUT' } }],
      });
    }
  });

  it('are those between two cursors, under a filter, too', async () => {
    const all = await page();
    const [second, last] = [all.schedules.edges[1]?.cursor, all.schedules.edges[9]?.cursor];
    expect(names(await page({ after: second, before: last }))).toEqual(inOrder.slice(2, 9));
    expect(names(await page({ after: second, before: last, filter: { environment: 'staging' } }))).toEqual(['staging']);
    expect(names(await page({ after: second, first: 2 }))).toEqual(inOrder.slice(2, 4));
    expect(names(await page({ before: last, last: 2 }))).toEqual(inOrder.slice(7, 9));
  });

  it.each<[string, Record<string, unknown>]>([
    ['text that is no cursor', { after: 'nonsense' }],
    ['a cursor of another list', { after: Buffer.from('flag:checkout').toString('base64url') }],
    ['first 0', { first: 0 }],
    ['first 201', { first: 201 }],
    ['last -1', { last: -1 }],
    ['first and last', { first: 1, last: 1 }],
    ['a range without an offset', { filter: { from: '2027-01-01T00:00:00' } }],
    ['an unknown status', { filter: { statuses: ['DONE'] } }],
    ['NUL in a filter', { filter: { flagKey: 'a\0b' } }],
    ['a search for one character', { filter: { search: 'x' } }],
    ['a search for 101 characters', { filter: { search: 'x'.repeat(101) } }],
    ['more than 100 flags', { filter: { flagKeys: Array(101).fill('x') } }],
    ['an unknown order', { order: 'NEWEST_FIRST' }],
  ])('refuse %s', async (_, variables) => {
    expect(await list(variables)).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  it('belong to their flag, whatever the filter says', async () => {
    const { data } = await service.gql<{ flag: Page }>(
      '{ flag(key: "search") { schedules(filter: { flagKey: "checkout" }, order: CREATED_NEWEST_FIRST) { edges { cursor node { id } } totalCount } } }',
    );
    expect(names(data?.flag ?? expect.unreachable())).toEqual(['search']);
  });

  it('are open to auditors, and to nobody without a role', async () => {
    const { gql } = service;
    expect((await gql('{ schedules { totalCount } }', {}, { as: await token({ groups: ['auditor'] }) })).status).toBe(200);
    expect((await gql('{ schedules { totalCount } }', {}, { as: await token({ groups: ['others'] }) })).status).toBe(403);
  });
});
