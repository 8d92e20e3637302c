import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

type Refused = { message: string; extensions: { code: string; path?: string[] } };

let service: TestService;
let closed: TestService;
beforeAll(async () => {
  const { url } = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: url });
  closed = await startTestService({ databaseUrl: url, env: { INTROSPECTION: 'false' } });
});

const overHttp = async (query: string, variables: object = {}, { url } = service): Promise<Refused[]> => {
  const { status, body } = await request(
    `${url}/graphql`,
    json({ query, variables }, { authorization: `Bearer ${await token()}` }),
  );
  expect([status, body.data]).toEqual([400, undefined]);
  return body.errors;
};
const overSocket = async (query: string, variables: object = {}, { url } = service): Promise<Refused[]> => {
  const socket = openRawSocket(`${url}/graphql`);
  await socket.init(await token());
  const { payload } = await socket.run(query, variables);
  return (Array.isArray(payload) ? payload : (payload as { errors: Refused[] }).errors) as Refused[];
};
const placesOf = (errors: Refused[]) => errors.map(({ extensions: { code, path } }) => [code, path]);

const create = 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { __typename } }';
const valid = { flagKey: 'f', scheduledAt: '2040-01-01T09:00:00Z', updates: { enabled: true } };
const literally = (fields: string) => `mutation { createSchedule(input: { ${fields} }) { __typename } }`;

/** What a form sends, and the field below `input` that it is told to mark. */
const refused: [what: string, path: string[], query: string, variables?: object][] = [
  ['an instant', ['scheduledAt'], create, { input: { ...valid, scheduledAt: 'tomorrow' } }],
  ['a whole number', ['maxRetries'], create, { input: { ...valid, maxRetries: 1.5 } }],
  ['a yes or no', ['updates', 'enabled'], create, { input: { ...valid, updates: { enabled: 'yes' } } }],
  ['an enum', ['updates', 'status'], create, { input: { ...valid, updates: { status: 'GONE' } } }],
  [
    'an element of a list',
    ['updates', 'rules', '1', 'key'],
    create,
    {
      input: {
        ...valid,
        updates: {
          rules: [
            { key: 'a', targeting: {} },
            { key: 5, targeting: {} },
          ],
        },
      },
    },
  ],
  ['a null that must not be', ['updates'], create, { input: { ...valid, updates: null } }],
  ['a field that is missing', ['scheduledAt'], create, { input: { ...valid, scheduledAt: undefined } }],
  ['a field that there is not', ['updates'], create, { input: { ...valid, updates: { enable: true } } }],
  ['no input at all', [], create, {}],
  [
    'a variable inside of the input',
    ['scheduledAt'],
    'mutation ($at: DateTime!) { createSchedule(input: { flagKey: "f", updates: { enabled: true }, scheduledAt: $at }) { __typename } }',
    { at: 'tomorrow' },
  ],
  [
    'a variable inside of a list',
    ['tags', '1'],
    'mutation ($tag: String!) { createFlag(input: { key: "f", name: "F", tags: ["a", $tag] }) { __typename } }',
    { tag: 5 },
  ],
  ['an instant as a literal', ['scheduledAt'], literally('flagKey: "f", scheduledAt: "tomorrow", updates: { enabled: true }')],
  [
    'a whole number as a literal',
    ['updates', 'rolloutPercentage'],
    literally('flagKey: "f", scheduledAt: "2040-01-01T09:00:00Z", updates: { rolloutPercentage: "5" }'),
  ],
  [
    'an enum as a literal',
    ['updates', 'status'],
    literally('flagKey: "f", scheduledAt: "2040-01-01T09:00:00Z", updates: { status: "GONE" }'),
  ],
  [
    'an instant in a filter',
    ['filter', 'from'],
    'query ($f: AuditEventFilter) { auditEvents(filter: $f) { totalCount } }',
    { f: { from: 5 } },
  ],
  ['an argument that is no input', ['first'], 'query ($n: Int) { flags(first: $n) { totalCount } }', { n: 'x' }],
];

describe('a value that its type refuses says where it is, as a ValidationError does', () => {
  it.each(refused)('%s: %j', async (_what, path, query, variables) => {
    const expected = [['BAD_USER_INPUT', path]];
    expect(placesOf(await overHttp(query, variables))).toEqual(expected);
    expect(placesOf(await overSocket(query, variables))).toEqual(expected);
  });

  it('each bad value is an error of its own, with its value and what is allowed', async () => {
    const input = { flagKey: 5, scheduledAt: 'tomorrow', updates: { enabled: 'yes', rolloutPercentage: 3e9 } };
    const errors = await overHttp(create, { input });
    expect(placesOf(errors)).toEqual(
      [['flagKey'], ['scheduledAt'], ['updates', 'enabled'], ['updates', 'rolloutPercentage']].map((path) => [
        'BAD_USER_INPUT',
        path,
      ]),
    );
    expect(errors[1]?.message).toContain('"tomorrow": it must be RFC 3339 text with an offset');
    const literal = await overHttp(literally('flagKey: 5, scheduledAt: "tomorrow", updates: { enabled: "yes" }'));
    expect(placesOf(literal)).toEqual(
      [['flagKey'], ['scheduledAt'], ['updates', 'enabled']].map((path) => ['BAD_USER_INPUT', path]),
    );
  });

  it('at most 50 of them are told', async () => {
    const input = { key: 'f', name: 'F', tags: Array.from({ length: 80 }, (_, n) => n) };
    const query = 'mutation ($input: CreateFlagInput!) { createFlag(input: $input) { __typename } }';
    expect(await overHttp(query, { input })).toHaveLength(50);
  });
});

describe('where the schema may not be asked for', () => {
  it.each<[string, string, object?]>([
    ['an unknown field', '{ flagz { totalCount } }'],
    ['an unknown argument', '{ flag(kee: "f") { id } }'],
    ['an unknown type', '{ viewer { ... on Viewr { roles } } }'],
    ['an unknown field of an input', '{ flags(filter: { serch: "x" }) { totalCount } }'],
    ['an unknown enum value', '{ auditEvents(order: NEWEST_FIRS) { totalCount } }'],
    [
      'an unknown field of an input in a variable',
      'query ($f: FlagFilter) { flags(filter: $f) { totalCount } }',
      { f: { serch: 'x' } },
    ],
    [
      'an unknown enum value in a variable',
      'query ($o: AuditOrder) { auditEvents(order: $o) { totalCount } }',
      { o: 'NEWEST_FIRS' },
    ],
  ])('%s gets no name that it may have meant; in development it does', async (_what, query, variables) => {
    const message = async (errors: Promise<Refused[]>) => (await errors)[0]?.message;
    expect(await message(overHttp(query, variables, service))).toContain('Did you mean');
    expect(await message(overSocket(query, variables, service))).toContain('Did you mean');
    expect(await message(overHttp(query, variables, closed))).not.toContain('Did you mean');
    expect(await message(overSocket(query, variables, closed))).not.toContain('Did you mean');
  });
});
