import { beforeAll, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let endpoint: string;
let headers: Record<string, string>;
/** Opened first, so that the last test need not wait for its end. */
let silent: RawSocket;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
  endpoint = `${service.url}/graphql`;
  headers = { authorization: `Bearer ${await token()}` };
  silent = openRawSocket(endpoint);
});

const overHttp = async (query: string, variables: object = {}) => request(endpoint, json({ query, variables }, headers));
const overSocket = async (query: string, variables: object = {}) => {
  const socket = openRawSocket(endpoint);
  await socket.init(await token());
  const { payload } = await socket.run(query, variables);
  const errors = (Array.isArray(payload) ? payload : (payload as { errors?: unknown }).errors) as
    | { message: string; extensions: { code: string } }[]
    | undefined;
  return { code: errors?.[0]?.extensions.code, message: errors?.[0]?.message };
};

const nested = (levels: number) =>
  `{ schedules(first: 1) { edges { node { ${'conflicts { '.repeat(levels)} id ${'} '.repeat(levels)} } } } }`;
const pages =
  '{ flags(first: $n) { edges { node { schedules(first: $n) { edges { node { id auditEvents(first: $n) { totalCount } } } } } } } }';

const states = 'previousState newState changes { field previousValue newValue } metadata';
const tooLarge: [what: string, message: RegExp, query: string, variables?: object][] = [
  ['a nesting of 13 levels', /depth limit of 12/, nested(9)],
  [
    'a nesting of 13 levels in fragments',
    /depth limit of 12/,
    `${nested(5).replace(' id ', ' ...F ')} fragment F on Schedule { conflicts { conflicts { conflicts { id } } } }`,
  ],
  ['31 aliases', /[Aa]lias/, `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: viewer { roles }`).join(' ')} }`],
  ['2,001 tokens', /[Tt]oken limit of 2000/, `{ flags(filter: { tags: [${'"x" '.repeat(1985)}] }) { totalCount } }`],
  ['pages of 200 in pages of 200', /could cost \d+/, pages.replaceAll('$n', '200')],
  ['the same with variables', /could cost \d+/, `query ($n: Int) ${pages}`, { n: 200 }],
  ['the same with a default', /could cost \d+/, `query ($n: Int = 200) ${pages}`],
  ['the same in fragments', /could cost \d+/, `query ($n: Int) { ...F } fragment F on Query ${pages}`, { n: 200 }],
  ['the same with no size at all', /could cost \d+/, pages.replaceAll('(first: $n)', '')],
  ['conflicts of conflicts', /could cost \d+/, '{ schedules { edges { node { conflicts { conflicts { id } } } } } }'],
  [
    'totals under seven aliases',
    /could cost \d+/,
    `{ ${Array.from({ length: 7 }, (_, i) => `a${i}: auditEvents(first: 1, filter: { actorId: "${i}" }) { totalCount }`).join(' ')} }`,
  ],
  ['totals in a list', /could cost \d+/, '{ flags(first: 7) { edges { node { history(first: 1) { totalCount } } } } }'],
  [
    'pages under many aliases',
    /could cost \d+/,
    `{ ${Array.from({ length: 25 }, (_, i) => `a${i}: schedules(last: 200) { edges { node { id ...N } } }`).join(' ')} } fragment N on Schedule { auditEvents(first: 1) { totalCount } }`,
  ],
  [
    'two full pages of events with their states',
    /could cost \d+/,
    `{ a: auditEvents(first: 200) { edges { node { ${states} } } } b: auditEvents(first: 200) { edges { node { ...E } } } } fragment E on AuditEvent { ${states} }`,
  ],
  [
    'the rules of all states of 200 flags many times',
    /could cost \d+/,
    `{ flags(first: 200) { edges { node { states { ${Array.from({ length: 4 }, (_, i) => `r${i}: rules { targeting }`).join(' ')} } } } } }`,
  ],
  [
    'flags of states of flags of states',
    /could cost \d+/,
    '{ flags { edges { node { states { flag { states { flag { key } } } } } } } }',
  ],
  [
    'the states of a full page of events many times',
    /could cost \d+/,
    `{ auditEvents(first: 200) { edges { node { ${Array.from({ length: 6 }, (_, i) => `m${i}: metadata`).join(' ')} } } } }`,
  ],
];

describe('an operation that is too large', () => {
  it.each(tooLarge)('%s is refused before it runs', async (_what, message, query, variables) => {
    const answer = await overHttp(query, variables);
    expect(answer).toMatchObject({ status: 400, code: expect.stringMatching(/^GRAPHQL_(VALIDATION|PARSE)_FAILED$/) });
    expect(answer.body.errors[0].message).toMatch(message);
    expect(answer.body.data).toBe(undefined);
  });

  it.each(tooLarge)('%s is refused over a socket', async (_what, message, query, variables) => {
    expect(await overSocket(query, variables)).toEqual({
      code: expect.stringMatching(/^GRAPHQL_/),
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [
      'a nesting of 12 levels',
      `{ schedules(first: 1) { edges { node { flag { schedules(first: 1) { edges { node { auditEvents(first: 1) {
        edges { node { actor { id } } } } } } } } } } } }`,
    ],
    ['30 aliases', `{ ${Array.from({ length: 30 }, (_, i) => `a${i}: viewer { roles }`).join(' ')} }`],
    ['2,000 tokens', `{ flags(filter: { tags: [${'"x" '.repeat(1984)}] }) { totalCount } }`],
    [
      'a full page of events with everything',
      `{ auditEvents(first: 200) { totalCount edges { cursor node { id position cursor type eventType occurredAt actor { type id name email }
        resource { type id } flagKey scheduleId environment workspaceId previousState newState changes { field previousValue newValue }
        description metadata result errorMessage requestContext { ipAddress userAgent requestId sessionId apiKeyId } } } pageInfo { hasNextPage } } }`,
    ],
    [
      'five full pages without them',
      `{ ${Array.from({ length: 5 }, (_, i) => `a${i}: auditEvents(first: 200) { edges { node { id type description } } }`).join(' ')} }`,
    ],
    [
      'the events of fifty schedules',
      `{ schedules(first: 50) { edges { node { auditEvents(first: 5) { edges { node { ${states} } } } } } } }`,
    ],
    [
      'a handful of totals',
      `{ ${Array.from({ length: 6 }, (_, i) => `a${i}: auditEvents(first: 1, filter: { actorId: "${i}" }) { totalCount }`).join(' ')} }`,
    ],
    [
      'a full page of schedules with conflicts',
      '{ schedules(first: 200) { edges { node { id flag { key } conflicts { id scheduledAt } } } } }',
    ],
    [
      'flags with their states and schedules, no size given',
      '{ flags { edges { node { key states { environment enabled } schedules { edges { node { id status } } } } } } }',
    ],
    [
      'flags with their history, no size given',
      `{ flags { totalCount edges { node { key name states { environment enabled } history { edges { node {
        occurredAt description eventType actor { name } changes { field } } } } } } } }`,
    ],
    [
      "a list of flags as an admin's page has it, with how many schedules each has, no size given",
      `{ flags { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id key name type status tags updatedAt createdBy
        createdByActor { name } states { id environment enabled rolloutPercentage version emergency { reason } }
        schedules(filter: { statuses: [PENDING] }) { totalCount edges { node { id status scheduledAt createdBy } } } } } } }`,
    ],
    [
      'a dashboard: all counts, with lists and their totals',
      `{ scheduleCounts { pending failed gaveUp overdue dueWithinHour } flagCounts { total enabled withEmergency }
        late: schedules(filter: { statuses: [FAILED] }) { totalCount edges { node { id flagKey errorMessage } } }
        flags { totalCount edges { node { key states { environment enabled } } } }
        auditEvents(first: 20) { edges { node { description occurredAt actor { name } } } } }`,
    ],
    [
      'the answer of a mutation, with the history of the flag whose state it changed',
      `mutation { updateFlagState(input: { flagKey: "none", updates: { enabled: true } }) { ... on FlagState { enabled flag { key history { edges { node {
        description actor { name } changes { field } } } } } } } }`,
    ],
    [
      'all states of two hundred flags, with everything that they hold',
      `{ flags(first: 200) { edges { node { key variants { key value } states { environment enabled rules { key description targeting }
        overrides { type targetId variant expiresAt } experiment { key variants { variant weight } } } } } } }`,
    ],
    [
      'all states of two hundred flags',
      '{ flags(first: 200) { edges { node { key states { id environment enabled rolloutPercentage version } } } } }',
    ],
  ])('%s is not', async (_what, query) => {
    expect(await overHttp(query)).toMatchObject({ status: 200, code: undefined });
  });

  it.each([
    ['`last`', (query: string) => query.replaceAll('first:', 'last:')],
    ["a variable's default", (query: string) => `query ($n: Int = 180) ${query.replaceAll('180', '$n')}`],
    ['`last` as a default', (query: string) => `query ($n: Int = 180) ${query.replaceAll('first: 180', 'last: $n')}`],
  ])('costs the same with its sizes in %s', async (_what, rewrite) => {
    const query = '{ flags(first: 180) { edges { node { history(first: 180) { edges { node { id } } } } } } }';
    const costOf = async (asked: string) => (await overHttp(asked)).body.errors[0].extensions.cost.cost;
    expect(await costOf(rewrite(query))).toBe(await costOf(query));
    expect(await costOf(query)).toBeGreaterThan(100_000);
  });

  it.each<[what: string, path: string, cost: number, remedy: string, query: string, variables?: object]>([
    [
      'a total in a list',
      'flags.edges.node.history.totalCount',
      750_000,
      'ask for it once',
      '{ flags { edges { node { key history { totalCount } } } } }',
    ],
    [
      'a page in a page in a page',
      'flags.edges.node.schedules.edges.node.auditEvents',
      425_000,
      'give `first`',
      '{ flags { edges { node { schedules { edges { node { auditEvents { edges { node { id } } } } } } } } } }'.replace(
        'flags {',
        'flags(first: 50) {',
      ),
    ],
    [
      'a page of a size that is given, under an alias and in a fragment',
      'all.edges.node.log',
      164_000,
      'a smaller `first`',
      'query ($n: Int) { viewer { roles } all: flags(first: 200) { ...F } } fragment F on FlagConnection { edges { node { log: history(first: $n) { edges { node { id position } } } } } }',
      { n: 300 },
    ],
    [
      'a heavy field in a page in a page',
      'flags.edges.node.history.edges.node.metadata',
      225_000,
      'leave it out of a list',
      '{ flags { edges { node { history { edges { node { id metadata } } } } } } }',
    ],
    [
      'a list in a page in a page',
      'flags.edges.node.schedules.edges.node.conflicts',
      101_000,
      'leave it out of a list',
      '{ flags(first: 100) { edges { node { schedules(first: 10) { edges { node { conflicts { id } } } } } } } }',
    ],
  ])('%s: the refusal names it, what it costs, and what to do', async (_what, path, cost, remedy, query, variables) => {
    const { status, body } = await overHttp(query, variables);
    const [{ message, extensions }] = body.errors;
    expect(status).toBe(400);
    expect([message, extensions.cost]).toEqual([
      expect.stringContaining(`Most of it is ${path}, up to ${cost}: `),
      { cost: expect.any(Number), maxCost: 100_000, dearest: { path, cost } },
    ]);
    expect(message).toContain(remedy);
    expect(extensions.cost.cost).toBeGreaterThanOrEqual(cost);
  });

  it('a body over 1 MiB is 413, whether or not it says its length', async () => {
    const query = `#${'x'.repeat(1024 * 1024)}\n{ viewer { roles } }`;
    expect((await overHttp(query)).status).toBe(413);
    const body = new Blob([JSON.stringify({ query })]).stream();
    const chunked = { ...json('', headers), body, duplex: 'half' } as RequestInit;
    expect((await request(endpoint, chunked)).status).toBe(413);
  });

  it('a message over 1 MiB closes the socket with 1009, and that of a stranger with 4400', async () => {
    const large = JSON.stringify({ id: '1', type: 'subscribe', payload: { query: `#${'x'.repeat(1024 * 1024)}` } });
    for (const authenticated of [true, false]) {
      const socket = openRawSocket(endpoint);
      if (authenticated) await socket.init(await token());
      else await socket.opened();
      socket.send(large);
      expect((await socket.closed()).code).toBe(authenticated ? 1009 : 4400);
    }
  });

  it('the 101st operation at a time on one socket is refused; the others go on', async () => {
    const socket = openRawSocket(endpoint);
    await socket.init(await token());
    for (let id = 1; id <= 101; id++) {
      socket.send({ id: String(id), type: 'subscribe', payload: { query: 'subscription { auditEvents { position } }' } });
    }
    expect(await socket.next()).toMatchObject({
      id: '101',
      type: 'error',
      payload: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect(socket.socket.readyState).toBe(socket.socket.OPEN);
  });
});

describe('another site', () => {
  const mutation = 'mutation { createFlag(input: { key: "csrf", name: "x" }) { __typename } }';
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: mutation }));
  form.set('map', '{}');

  it.each<[string, RequestInit]>([
    ['an urlencoded form', { body: new URLSearchParams({ query: mutation }) }],
    ['a multipart form', { body: form }],
    ['plain text', { body: JSON.stringify({ query: mutation }), headers: { 'content-type': 'text/plain' } }],
    ['no content type', { body: new Blob([JSON.stringify({ query: mutation })]) }],
    ['application/graphql', { body: mutation, headers: { 'content-type': 'application/graphql' } }],
    [
      'a type that only begins well',
      { body: JSON.stringify({ query: mutation }), headers: { 'content-type': 'application/jsonp' } },
    ],
  ])('cannot make a browser post %s: 415, even with a token', async (_what, init) => {
    const answer = await request(endpoint, { method: 'POST', ...init, headers: { ...init.headers, ...headers } });
    expect(answer.status).toBe(415);
  });

  it('cannot change anything by GET: 405', async () => {
    const answer = await request(`${endpoint}?query=${encodeURIComponent(mutation)}`, { headers });
    expect(answer).toMatchObject({ status: 405 });
    expect((await service.gql('{ flag(key: "csrf") { id } }')).data).toEqual({ flag: null });
  });

  it('is not told by CORS that it may read anything, unless it is on the list', async () => {
    const listed = await startTestService({
      databaseUrl: (await createPostgresDatabase()).url,
      env: { ALLOWED_ORIGINS: 'https://admin.example.com,https://other.example.com' },
    });
    const post = (origin: string, more = headers) =>
      request(`${listed.url}/graphql`, json({ query: '{ viewer { roles } }' }, { origin, ...more }));
    const preflight = (origin: string) =>
      request(`${listed.url}/graphql`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
    for (const answer of [await post('https://evil.example'), await preflight('https://evil.example'), await post('null')]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(null);
    }
    const good = 'https://admin.example.com';
    for (const answer of [await post(good), await preflight(good), await post(good, { authorization: 'Bearer x' })]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(good);
      expect(answer.headers.get('vary') ?? '').toMatch(/origin/i);
      expect(answer.headers.get('access-control-allow-credentials')).not.toBe('true');
    }
    expect((await preflight(good)).headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
    expect((await preflight(good)).status).toBeLessThan(300);
  });
});

describe('a socket that never authenticates', () => {
  it('is closed', async () => {
    expect((await silent.closed()).code).toBe(4408);
  });
});
