import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let endpoint: string;
let headers: Record<string, string>;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url, env: { ROLES: 'api' } });
  endpoint = `${service.url}/graphql`;
  headers = { authorization: `Bearer ${await token()}` };
});
const get = (parameters: Record<string, string>) => request(`${endpoint}?${new URLSearchParams(parameters)}`, { headers });
const viewer = '{ viewer { roles } }';

describe('a GET', () => {
  it.each(['x', '{', '[]', '1', '"x"', '{"a":1}}', '\u0000'])(
    'with the variables %j is the caller’s fault: 400',
    async (value) => {
      for (const name of ['variables', 'extensions']) {
        const answer = await get({ query: viewer, [name]: value });
        expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
        expect(answer.body.errors[0].message).toContain(name);
      }
    },
  );

  it.each(['{}', 'null', '', ' {"unused": [1]} '])('with the variables %j is answered', async (variables) => {
    expect(await get({ query: viewer, variables })).toMatchObject({
      status: 200,
      body: { data: { viewer: { roles: ['ADMIN'] } } },
    });
  });

  it('uses its variables', async () => {
    const answer = await get({ query: 'query ($k: String!) { flag(key: $k) { id } }', variables: '{"k":"none"}' });
    expect(answer).toMatchObject({ status: 200, body: { data: { flag: null } } });
  });
});

it.each(['"x"', '1', '[]'])('a POST with the variables %s is the caller’s fault: 400', async (variables) => {
  const body = `{"query":"${viewer}","variables":${variables}}`;
  expect((await request(endpoint, { ...json('', headers), body })).status).toBe(400);
});

describe('a filter with more values than the database can take', () => {
  const lists: [place: string, query: string, value: string][] = [
    ['types', 'query ($list: [AuditEventType!]) { auditEvents(filter: { types: $list }) { totalCount } }', 'FLAG_CREATED'],
    [
      "types of a flag's history",
      'query ($list: [AuditEventType!]) { flag(key: "f") { history(filter: { types: $list }) { totalCount } } }',
      'FLAG_CREATED',
    ],
    ['statuses', 'query ($list: [ScheduleStatus!]) { schedules(filter: { statuses: $list }) { totalCount } }', 'PENDING'],
    ['statuses', 'query ($list: [ScheduleStatus!]) { scheduleCounts(filter: { statuses: $list }) { total } }', 'PENDING'],
    [
      "statuses of a flag's schedules",
      'query ($list: [ScheduleStatus!]) { flag(key: "f") { schedules(filter: { statuses: $list }) { totalCount } } }',
      'PENDING',
    ],
    ['statuses', 'query ($list: [FlagStatus!]) { flags(filter: { statuses: $list }) { totalCount } }', 'ACTIVE'],
  ];
  beforeAll(async () => {
    await service.gql('mutation { createFlag(input: { key: "f", name: "F" }) { __typename } }');
  });
  const ask = (query: string, list: readonly string[]) => request(endpoint, json({ query, variables: { list } }, headers));

  it.each(lists)('%s (%s): is refused, and told how many are allowed', async (place, query, value) => {
    for (const count of [1001, 40_000]) {
      const answer = await ask(query, Array(count).fill(value));
      expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
      expect(answer.body.errors[0].message).toContain(`must hold at most 1000 ${place.split(' ')[0]}`);
    }
    expect(await ask(query, Array(1000).fill(value))).toMatchObject({ status: 200, code: undefined });
  });

  it('tags are not refused: they are one value to the database', async () => {
    const query = 'query ($list: [String!]) { flags(filter: { tags: $list }) { totalCount } }';
    const tags = Array.from({ length: 70_000 }, (_, n) => String(n));
    expect(await ask(query, tags)).toMatchObject({ status: 200, body: { data: { flags: { totalCount: 0 } } } });
  });

  it('types of a subscription are refused, too', async () => {
    const socket = openRawSocket(endpoint);
    await socket.init(await token());
    const query = 'subscription ($list: [AuditEventType!]) { auditEvents(filter: { types: $list }) { position } }';
    const { payload } = await socket.run(query, { list: Array(1001).fill('FLAG_CREATED') });
    expect(payload).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  it('statuses of cancelSchedules are named in a ValidationError', async () => {
    const query = `mutation ($list: [ScheduleStatus!]) { cancelSchedules(input: { filter: { flagKey: "f", statuses: $list } }) {
      ... on ValidationError { issues { path message } } } }`;
    expect((await ask(query, Array(1001).fill('PENDING'))).body.data.cancelSchedules).toEqual({
      issues: [{ path: ['filter', 'statuses'], message: 'must hold at most 1000 statuses' }],
    });
  });
});
