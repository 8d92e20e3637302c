import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { cursorOf, type EventFields, emitEvents, range } from '../support/emit.ts';
import { startTestService, type TestService } from '../support/service.ts';

const scheduleId = '01890a5d-ac96-774b-bcce-b302099a8057';
const at = (minute: number) => `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`;
const requestContext = { ipAddress: null, userAgent: null, requestId: 'request-7', sessionId: null, apiKeyId: null };
/** One event for each way of being told apart; its position is its place here, from 1. */
const events: EventFields[] = [
  { timestamp: at(1) },
  { timestamp: at(2), flagKey: 'other' },
  { timestamp: at(3), eventType: 'flag.disabled' },
  { timestamp: at(4), actor: { type: 'USER', id: 'bob', name: null, email: null } },
  { timestamp: at(5), actor: { type: 'SYSTEM', id: 'system', name: null, email: null } },
  { timestamp: at(6), resource: { type: 'flag_schedule', id: scheduleId }, scheduleId, eventType: 'flag_schedule.created' },
  { timestamp: at(7), requestContext },
  { timestamp: at(8), environment: 'staging' },
  { timestamp: at(9), workspaceId: 'workspace-1' },
  { timestamp: at(10), result: 'DENIED', errorMessage: 'no', eventType: 'access.denied', flagKey: null, resource: null },
  { timestamp: at(11), flagKey: 'other', environment: 'staging', requestContext },
  // Later in the log, earlier in time: the order is the log's.
  { timestamp: at(0) },
];
const all = range(1, events.length);
const except = (...positions: number[]) => all.filter((position) => !positions.includes(position));

/** Each filter alone, with the positions that it finds. */
const filters: Record<string, { filter: object; found: number[] }> = {
  flagKey: { filter: { flagKey: 'other' }, found: [2, 11] },
  types: { filter: { types: ['FLAG_DISABLED', 'FLAG_SCHEDULE_CREATED'] }, found: [3, 6] },
  'no types': { filter: { types: [] }, found: [] },
  actorId: { filter: { actorId: 'bob' }, found: [4] },
  actorType: { filter: { actorType: 'SYSTEM' }, found: [5] },
  resourceType: { filter: { resourceType: 'flag_schedule' }, found: [6] },
  resourceId: { filter: { resourceId: 'checkout-v2' }, found: except(6, 10) },
  scheduleId: { filter: { scheduleId }, found: [6] },
  'scheduleId in capitals': { filter: { scheduleId: scheduleId.toUpperCase() }, found: [6] },
  environment: { filter: { environment: 'staging' }, found: [8, 11] },
  workspaceId: { filter: { workspaceId: 'workspace-1' }, found: [9] },
  requestId: { filter: { requestId: 'request-7' }, found: [7, 11] },
  result: { filter: { result: 'DENIED' }, found: [10] },
  from: { filter: { from: at(9) }, found: [9, 10, 11] },
  to: { filter: { to: at(2) }, found: [1, 12] },
  'from and to, the end left out': { filter: { from: at(3), to: at(5) }, found: [3, 4] },
  'from and to at one instant': { filter: { from: at(3), to: at(3) }, found: [] },
  'an offset': { filter: { from: '2026-01-01T01:11:00+01:00' }, found: [11] },
  'nulls, which do not restrict': { filter: { flagKey: null, types: null, from: null, result: null }, found: all },
  nothing: { filter: {}, found: all },
};
const named = Object.entries(filters);

let database: PostgresTestDatabase;
let service: TestService;
/** What filtered subscriptions received while the events came in, by the filter's name. */
const live: Record<string, number[]> = {};
beforeAll(async () => {
  database = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: database.url });
  const client = service.socket({ lazy: true });
  const query =
    'subscription ($filter: AuditEventFilter, $after: String) { auditEvents(filter: $filter, after: $after) { position } }';
  for (const [name, { filter }] of named) {
    const received: number[] = [];
    live[name] = received;
    client.subscribe<{ auditEvents: { position: number } }>(
      { query, variables: { filter, after: cursorOf(0) } },
      { next: ({ data }) => data && received.push(data.auditEvents.position), error: () => {}, complete: () => {} },
    );
  }
  // Only a subscription that stands is given events as they come, and not from the database.
  await vi.waitFor(
    async () => {
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      expect(metrics).toContain(`flagtrail_operations_total{type="subscription",failed="false"} ${named.length}`);
    },
    { timeout: 10_000 },
  );
  await emitEvents(database, events);
  await vi.waitFor(async () => expect((await list({})).totalCount).toBe(events.length), { timeout: 10_000 });
});
type Page = {
  edges: { cursor: string; node: { position: number } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  totalCount: number;
};
const list = async (args: object): Promise<Page> => {
  const { data, errors } = await service.gql<{ auditEvents: Page }>(
    `query ($filter: AuditEventFilter, $order: AuditOrder, $first: Int, $after: String, $last: Int, $before: String) {
      auditEvents(filter: $filter, order: $order, first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { position } } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
    { order: 'OLDEST_FIRST', ...args },
  );
  if (!data) throw new Error(JSON.stringify(errors));
  return data.auditEvents;
};
const positionsOf = ({ edges }: Page) => edges.map(({ node }) => node.position);

describe('auditEvents', () => {
  it.each(named)('finds by %s, and counts', async (_name, { filter, found }) => {
    const page = await list({ filter });
    expect(positionsOf(page)).toEqual(found);
    expect(page.totalCount).toBe(found.length);
  });

  it('finds by any two of them what both find', async () => {
    for (const [first, one] of named) {
      const others = named.filter(
        ([name, { filter }]) => name > first && Object.keys(filter).every((key) => !(key in one.filter)),
      );
      const pages = await Promise.all(others.map(([, other]) => list({ filter: { ...one.filter, ...other.filter } })));
      const both = others.map(([, { found }]) => found.filter((position) => one.found.includes(position)));
      expect(pages.map(positionsOf), first).toEqual(both);
      expect(
        pages.map(({ totalCount }) => totalCount),
        first,
      ).toEqual(both.map(({ length }) => length));
    }
  });

  it('finds by all of them at once', async () => {
    const filter = {
      flagKey: 'other',
      types: ['FLAG_ENABLED'],
      actorId: 'ada',
      actorType: 'USER',
      resourceType: 'flag',
      resourceId: 'checkout-v2',
      environment: 'staging',
      requestId: 'request-7',
      result: 'SUCCESS',
      from: at(11),
      to: at(12),
    };
    expect(positionsOf(await list({ filter }))).toEqual([11]);
    expect(positionsOf(await list({ filter: { ...filter, workspaceId: 'none' } }))).toEqual([]);
  });

  it.each(named)('the subscription finds by %s the same, live', async (name, { found }) => {
    await vi.waitFor(() => expect(live[name]).toEqual(found), { timeout: 10_000 });
  });

  it.each([
    ['OLDEST_FIRST', all],
    ['NEWEST_FIRST', all.toReversed()],
    [undefined, all.toReversed()],
  ])('in the order %s', async (order, expected) => {
    const { data } = await service.gql<{ auditEvents: Page }>(
      `{ auditEvents${order ? `(order: ${order})` : ''} { edges { node { position } } } }`,
    );
    expect(data?.auditEvents.edges.map(({ node }) => node.position)).toEqual(expected);
  });

  it.each(['OLDEST_FIRST', 'NEWEST_FIRST'])('pages through all, forward and backward: %s', async (order) => {
    const expected = order === 'OLDEST_FIRST' ? all : all.toReversed();
    for (const size of [1, 5, 12, 200]) {
      const forward: number[] = [];
      for (
        let page = await list({ order, first: size });
        ;
        page = await list({ order, first: size, after: page.pageInfo.endCursor })
      ) {
        expect(page.totalCount).toBe(events.length);
        expect(page.pageInfo.startCursor).toBe(page.edges[0]?.cursor);
        forward.push(...positionsOf(page));
        if (!page.pageInfo.hasNextPage) break;
      }
      expect(forward).toEqual(expected);
      const backward: number[] = [];
      for (
        let page = await list({ order, last: size });
        ;
        page = await list({ order, last: size, before: page.pageInfo.startCursor })
      ) {
        backward.unshift(...positionsOf(page));
        if (!page.pageInfo.hasPreviousPage) break;
      }
      expect(backward).toEqual(expected);
    }
  });

  it('pages through what a filter finds', async () => {
    const filter = { resourceId: 'checkout-v2' };
    const first = await list({ filter, first: 4 });
    expect(positionsOf(first)).toEqual([1, 2, 3, 4]);
    expect(positionsOf(await list({ filter, first: 3, after: first.pageInfo.endCursor }))).toEqual([5, 7, 8]);
    expect(positionsOf(await list({ filter, last: 2, before: cursorOf(7) }))).toEqual([4, 5]);
    expect(positionsOf(await list({ filter, after: cursorOf(2), before: cursorOf(7) }))).toEqual([3, 4, 5]);
  });

  it('goes on where it was while the log grows', async () => {
    const page = await list({ order: 'NEWEST_FIRST', first: 2, after: cursorOf(12) });
    expect(positionsOf(page)).toEqual([11, 10]);
    expect(await list({ order: 'OLDEST_FIRST', first: 2, after: cursorOf(12) })).toMatchObject({
      edges: [],
      pageInfo: { hasNextPage: false, startCursor: null, endCursor: null },
    });
  });
});

describe("a flag's history and a schedule's trail", () => {
  it('are the log, of that flag and that schedule alone, newest first, visible once they are committed', async () => {
    for (const key of ['history-a', 'history-b']) {
      await service.gql('mutation ($key: String!) { createFlag(input: { key: $key, name: "F" }) { __typename } }', { key });
    }
    const { data } = await service.gql<{ createSchedule: { id: string } }>(
      `mutation { createSchedule(input: { flagKey: "history-a", scheduledAt: "${new Date(Date.now() + 3_600_000).toISOString()}", updates: { enabled: true } }) { ... on Schedule { id } } }`,
    );
    const id = data?.createSchedule.id;
    await service.gql('mutation ($id: ID!) { cancelSchedule(input: { id: $id }) { __typename } }', { id });
    await service.gql('mutation { updateFlagState(input: { flagKey: "history-b", updates: { enabled: true } }) { __typename } }');
    await vi.waitFor(async () => {
      const { data: found } = await service.gql(
        `query ($id: ID!) {
          a: flag(key: "history-a") { history { totalCount edges { node { eventType flagKey } } } }
          oldest: flag(key: "history-a") { history(order: OLDEST_FIRST, first: 1) { totalCount edges { node { eventType } } } }
          b: flag(key: "history-b") { history(filter: { flagKey: "history-a" }) { edges { node { eventType flagKey } } } }
          schedule(id: $id) { auditEvents { totalCount edges { node { eventType scheduleId } } }
            one: auditEvents(filter: { types: [FLAG_SCHEDULE_CREATED] }) { totalCount } }
        }`,
        { id },
      );
      const ofA = (eventType: string) => ({ node: { eventType, flagKey: 'history-a' } });
      const ofB = (eventType: string) => ({ node: { eventType, flagKey: 'history-b' } });
      expect(found).toEqual({
        a: {
          history: { totalCount: 3, edges: [ofA('flag_schedule.cancelled'), ofA('flag_schedule.created'), ofA('flag.created')] },
        },
        oldest: { history: { totalCount: 3, edges: [{ node: { eventType: 'flag.created' } }] } },
        b: { history: { edges: [ofB('flag.enabled'), ofB('flag.created')] } },
        schedule: {
          auditEvents: {
            totalCount: 2,
            edges: [
              { node: { eventType: 'flag_schedule.cancelled', scheduleId: id } },
              { node: { eventType: 'flag_schedule.created', scheduleId: id } },
            ],
          },
          one: { totalCount: 1 },
        },
      });
    });
  });

  it('one event is found by its id, in capitals too; an unknown one is null', async () => {
    const id = '01900000-0000-7000-8000-000000000003';
    const { data } = await service.gql(
      `{ lower: auditEvent(id: "${id}") { position } unknown: auditEvent(id: "${scheduleId}") { position } }`,
    );
    expect(data).toEqual({ lower: { position: 3 }, unknown: null });
  });
});
