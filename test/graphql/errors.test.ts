import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let endpoint: string;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
  endpoint = `${service.url}/graphql`;
  await service.gql('mutation { createFlag(input: { key: "f", name: "F" }) { __typename } }');
});

/** A nullable field that failed is null beside its error. */
const hasValues = (data: unknown) => Object.values(data ?? {}).some((value) => value !== null);

type Answer = { status: number; code: unknown; message: string; hasData: boolean };
const overHttp = async (query: string, variables?: unknown, more: object = {}): Promise<Answer> => {
  const { status, body } = await request(
    endpoint,
    json({ query, variables, ...more }, { authorization: `Bearer ${await token()}` }),
  );
  const [error] = body.errors ?? [];
  return { status, code: error?.extensions?.code, message: error?.message, hasData: hasValues(body.data) };
};
type SocketError = { message: string; extensions: { code: string } };
const overSocket = async (query: string, variables?: unknown, more: object = {}): Promise<Omit<Answer, 'status'>> => {
  const socket = openRawSocket(endpoint);
  await socket.init(await token());
  socket.send({ id: '1', type: 'subscribe', payload: { query, ...(variables !== undefined && { variables }), ...more } });
  const { payload } = await socket.next();
  const { errors, data } = (Array.isArray(payload) ? { errors: payload } : payload) as { errors?: SocketError[]; data?: unknown };
  return { code: errors?.[0]?.extensions.code, message: errors?.[0]?.message ?? '', hasData: hasValues(data) };
};

const scheduleWith = (instant: string) =>
  `mutation { createSchedule(input: { flagKey: "f", scheduledAt: "${instant}", updates: { enabled: true } }) { __typename } }`;
const cursor = (text: string) => Buffer.from(text).toString('base64url');

/** What a client can get wrong in an operation. */
const wrong: [what: string, code: string, query: string, variables?: unknown, more?: object][] = [
  ['a document that does not parse', 'GRAPHQL_PARSE_FAILED', '{ viewer'],
  ['an empty document', 'GRAPHQL_PARSE_FAILED', ''],
  ['a document of fragments alone', 'OPERATION_RESOLUTION_FAILURE', 'fragment F on Query { viewer { roles } }'],
  ['an unknown field', 'GRAPHQL_VALIDATION_FAILED', '{ nothing }'],
  ['an unknown argument', 'GRAPHQL_VALIDATION_FAILED', '{ flag(key: "f", of: 1) { id } }'],
  ['a missing argument', 'GRAPHQL_VALIDATION_FAILED', '{ flag { id } }'],
  ['a missing input field', 'BAD_USER_INPUT', 'mutation { createFlag(input: { key: "x" }) { __typename } }'],
  ['a missing selection', 'GRAPHQL_VALIDATION_FAILED', '{ viewer }'],
  ['an undefined variable', 'GRAPHQL_VALIDATION_FAILED', '{ flag(key: $key) { id } }'],
  ['a missing variable', 'BAD_USER_INPUT', 'query ($key: String!) { flag(key: $key) { id } }'],
  ['a null for a variable that must not be', 'BAD_USER_INPUT', 'query ($key: String!) { flag(key: $key) { id } }', { key: null }],
  ['a variable of another type', 'BAD_USER_INPUT', 'query ($key: String!) { flag(key: $key) { id } }', { key: 5 }],
  [
    'an unknown field in a variable',
    'BAD_USER_INPUT',
    'query ($f: FlagFilter) { flags(filter: $f) { totalCount } }',
    { f: { x: 1 } },
  ],
  ['a whole number beyond 32 bits', 'BAD_USER_INPUT', 'query ($n: Int) { flags(first: $n) { totalCount } }', { n: 3e9 }],
  ['a fraction for a whole number', 'BAD_USER_INPUT', 'query ($n: Int) { flags(first: $n) { totalCount } }', { n: 1.5 }],
  ['a literal of another type', 'BAD_USER_INPUT', '{ flag(key: 5) { id } }'],
  ['a text literal for a whole number', 'BAD_USER_INPUT', '{ flags(first: "5") { totalCount } }'],
  ['a literal beyond 32 bits', 'BAD_USER_INPUT', '{ flags(first: 3000000000) { totalCount } }'],
  ['a literal for an enum', 'BAD_USER_INPUT', '{ auditEvents(order: SIDEWAYS) { totalCount } }'],
  ['a text for an enum', 'BAD_USER_INPUT', '{ auditEvents(order: "NEWEST_FIRST") { totalCount } }'],
  [
    'a variable for an enum',
    'BAD_USER_INPUT',
    'query ($o: AuditOrder) { auditEvents(order: $o) { totalCount } }',
    { o: 'SIDEWAYS' },
  ],
  ['an instant without an offset, as a literal', 'BAD_USER_INPUT', scheduleWith('2030-01-01T09:00:00')],
  [
    'an instant without an offset, as a variable',
    'BAD_USER_INPUT',
    'query ($t: DateTime) { auditEvents(filter: { from: $t }) { totalCount } }',
    { t: '2030-01-01T09:00:00' },
  ],
  ['a number for an instant', 'BAD_USER_INPUT', '{ auditEvents(filter: { from: 1700000000 }) { totalCount } }'],
  ['an id that is no UUID', 'BAD_USER_INPUT', '{ schedule(id: "5") { id } }'],
  ['a number as an id', 'BAD_USER_INPUT', '{ auditEvent(id: 5) { id } }'],
  ['an id in a filter that is no UUID', 'BAD_USER_INPUT', '{ auditEvents(filter: { scheduleId: "x" }) { totalCount } }'],
  ['a UUID with a tail', 'BAD_USER_INPUT', '{ schedule(id: "01890a5d-ac96-774b-bcce-b302099a8057\\n") { id } }'],
  ['a cursor that is none', 'BAD_USER_INPUT', '{ auditEvents(after: "x") { edges { cursor } } }'],
  ['an empty cursor', 'BAD_USER_INPUT', '{ auditEvents(after: "") { edges { cursor } } }'],
  ['a cursor of another list', 'BAD_USER_INPUT', `{ flags(after: "${cursor('event:1')}") { edges { cursor } } }`],
  ['a cursor with padding', 'BAD_USER_INPUT', `{ auditEvents(after: "${cursor('event:1')}==") { edges { cursor } } }`],
  ['an event cursor below zero', 'BAD_USER_INPUT', `{ auditEvents(after: "${cursor('event:-1')}") { edges { cursor } } }`],
  [
    'an event cursor beyond any log',
    'BAD_USER_INPUT',
    `{ auditEvents(after: "${cursor('event:9999999999999999')}") { edges { cursor } } }`,
  ],
  ['a flag cursor with NUL', 'BAD_USER_INPUT', `{ flags(after: "${cursor('flag:a\0')}") { edges { cursor } } }`],
  [
    'a schedule cursor without a UUID',
    'BAD_USER_INPUT',
    `{ schedules(after: "${cursor(`schedule:1:${'-'.repeat(36)}`)}") { edges { cursor } } }`,
  ],
  [
    'a schedule cursor of no instant',
    'BAD_USER_INPUT',
    `{ schedules(after: "${cursor('schedule:9999999999999999:01890a5d-ac96-774b-bcce-b302099a8057')}") { edges { cursor } } }`,
  ],
  [
    'a schedule cursor of an instant before any calendar',
    'BAD_USER_INPUT',
    `{ schedules(before: "${cursor('schedule:-8640000000000000:01890a5d-ac96-774b-bcce-b302099a8057')}") { edges { cursor } } }`,
  ],
  ['first 0', 'BAD_USER_INPUT', '{ auditEvents(first: 0) { edges { cursor } } }'],
  ['first -1', 'BAD_USER_INPUT', '{ flags(first: -1) { edges { cursor } } }'],
  ['first 201', 'BAD_USER_INPUT', '{ schedules(first: 201) { edges { cursor } } }'],
  ['last 0', 'BAD_USER_INPUT', '{ auditEvents(last: 0) { edges { cursor } } }'],
  ['last -1', 'BAD_USER_INPUT', '{ flags(last: -1) { edges { cursor } } }'],
  ['last 201', 'BAD_USER_INPUT', '{ schedules(last: 201) { edges { cursor } } }'],
  ['first and last at once', 'BAD_USER_INPUT', '{ auditEvents(first: 1, last: 1) { edges { cursor } } }'],
  ['NUL in a literal', 'BAD_USER_INPUT', '{ flag(key: "a\\u0000b") { id } }'],
  ['a lone surrogate in a literal, escaped', 'GRAPHQL_PARSE_FAILED', '{ flag(key: "a\\uD800b") { id } }'],
  ['a lone surrogate in a literal', 'GRAPHQL_PARSE_FAILED', '{ flag(key: "a\uD800b") { id } }'],
  ['NUL in a literal, as it is', 'BAD_USER_INPUT', '{ flag(key: "a\u0000b") { id } }'],
  ['NUL in a block text', 'BAD_USER_INPUT', '{ flag(key: """a\u0000b""") { id } }'],
  ['NUL in a variable', 'BAD_USER_INPUT', 'query ($key: String!) { flag(key: $key) { id } }', { key: 'a\0' }],
  ['a lone surrogate in a variable', 'BAD_USER_INPUT', 'query ($key: String!) { flag(key: $key) { id } }', { key: '\uDC00' }],
  [
    'NUL in a list in a variable',
    'BAD_USER_INPUT',
    'query ($f: FlagFilter) { flags(filter: $f) { totalCount } }',
    { f: { tags: ['a', '\0'] } },
  ],
  [
    "NUL in a variable's key",
    'BAD_USER_INPUT',
    'query ($f: FlagFilter) { flags(filter: $f) { totalCount } }',
    { f: { '\0': 1 } },
  ],
  ['NUL in a key in a variable that nobody uses', 'BAD_USER_INPUT', '{ viewer { roles } }', { unused: [{ 'a\0': 1 }] }],
  ['NUL in a variable that nobody uses', 'BAD_USER_INPUT', '{ viewer { roles } }', { unused: '\0' }],
  ['several operations and no name', 'OPERATION_RESOLUTION_FAILURE', 'query A { viewer { roles } } query B { viewer { roles } }'],
  ['the name of no operation', 'OPERATION_RESOLUTION_FAILURE', 'query A { viewer { roles } }', {}, { operationName: 'B' }],
];

describe('what a client gets wrong', () => {
  it.each(wrong)('%s: %s, 400', async (_what, code, query, variables, more) => {
    expect(await overHttp(query, variables, more)).toMatchObject({ status: 400, code, hasData: false });
  });

  it.each(wrong)('%s: %s, over a socket', async (_what, code, query, variables, more) => {
    expect(await overSocket(query, variables, more)).toMatchObject({ code, hasData: false });
  });

  it('nothing of it was a fault of ours', () => {
    expect(service.lines.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['no query', {}],
    ['a query that is no text', { query: 5 }],
    ['a query of null', { query: null }],
    ['variables that are a list', { query: '{ viewer { roles } }', variables: [] }],
    ['variables that are text', { query: '{ viewer { roles } }', variables: '{}x' }],
    ['a name that is no text', { query: '{ viewer { roles } }', operationName: 5 }],
    ['a list', [{ query: '{ viewer { roles } }' }]],
    ['an empty list', []],
    ['null', null],
    ['a text', 'x'],
    ['a number', 5],
    ['an unknown member', { query: '{ viewer { roles } }', doc: 'x' }],
  ])('a body that holds %s is 400', async (_what, body) => {
    const answer = await request(endpoint, json(body, { authorization: `Bearer ${await token()}` }));
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toHaveLength(1);
    expect(answer.body.data).toBe(undefined);
  });

  it.each(['', '{', '{"query":"{ viewer { roles } }"', '\u0000', 'query=x'])(
    'a body that is not JSON (%j) is 400',
    async (body) => {
      const answer = await request(endpoint, { ...json('', { authorization: `Bearer ${await token()}` }), body });
      expect(answer.status).toBe(400);
    },
  );
});

describe('an instant', () => {
  const accepted: [written: string, means: string][] = [
    ['2026-03-29T09:00:00Z', '2026-03-29T09:00:00.000Z'],
    ['2026-03-29T09:00:00+02:00', '2026-03-29T07:00:00.000Z'],
    ['2026-03-29T09:00:00-00:30', '2026-03-29T09:30:00.000Z'],
    ['2026-03-29t09:00:00z', '2026-03-29T09:00:00.000Z'],
    ['2026-03-29T09:00:00.5Z', '2026-03-29T09:00:00.500Z'],
    ['2026-03-29T09:00:00.123456789Z', '2026-03-29T09:00:00.123Z'],
    ['2028-02-29T23:59:59.999+00:00', '2028-02-29T23:59:59.999Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ];
  it.each(accepted)('%s is %s', async (written, means) => {
    const { data } = await service.gql<{ createSchedule: { message: string } }>(
      'mutation ($at: DateTime!) { createSchedule(input: { flagKey: "f", scheduledAt: $at, updates: { enabled: true } }) { ... on ValidationError { message } ... on Schedule { scheduledAt } } }',
      { at: written },
    );
    expect(JSON.stringify(data)).toContain(means);
    for (const filter of ['{ from: $at }', '{ to: $at }']) {
      const answer = await overHttp(
        `query ($at: DateTime!) { auditEvents(filter: ${filter}) { totalCount } schedules(filter: ${filter}) { totalCount } }`,
        { at: written },
      );
      expect(answer).toMatchObject({ status: 200, hasData: true });
    }
  });

  it.each([
    ['a day that does not exist', '2026-02-30T09:00:00Z'],
    ['29 February of no leap year', '2100-02-29T09:00:00Z'],
    ['a thirteenth month', '2026-13-01T09:00:00Z'],
    ['the hour 24', '2026-01-01T24:00:00Z'],
    ['a leap second', '2026-12-31T23:59:60Z'],
    ['an offset of 24 hours', '2026-01-01T09:00:00+24:00'],
    ['an offset without a colon', '2026-01-01T09:00:00+0200'],
    ['a space for the T', '2026-01-01 09:00:00Z'],
    ['no seconds', '2026-01-01T09:00Z'],
    ['a date alone', '2026-01-01'],
    ['the year 0', '0000-06-01T00:00:00Z'],
    ['a year of five digits', '10000-01-01T00:00:00Z'],
    ['a year with a sign', '+002026-01-01T00:00:00Z'],
    ['an instant before the year 1 by its offset', '0001-01-01T00:00:00+01:00'],
    ['an instant after the year 9999 by its offset', '9999-12-31T23:59:59-01:00'],
    ['a tail', '2026-01-01T09:00:00Z\n'],
    ['other digits', '２０２６-01-01T09:00:00Z'],
  ])('with %s is refused, as a literal and as a variable', async (_what, written) => {
    const refused = { status: 400, code: 'BAD_USER_INPUT', hasData: false };
    expect(await overHttp(`{ auditEvents(filter: { from: ${JSON.stringify(written)} }) { totalCount } }`)).toMatchObject(refused);
    const query = 'query ($at: DateTime) { auditEvents(filter: { to: $at }) { totalCount } }';
    expect(await overHttp(query, { at: written })).toMatchObject(refused);
  });
});
