import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let endpoint: string;
beforeAll(async () => {
  service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
  endpoint = `${service.url}/graphql`;
});

const create = (key: string) => `createFlag(input: { key: "${key}", name: "x" }) { __typename }`;

/** Operations that an auditor may not run, for a mutation or a query in disguise, with the field that is refused. */
const refused: [what: string, document: string, operation: string][] = [
  ['a mutation', `mutation { ${create('plain')} }`, 'createFlag'],
  ['a mutation under an alias', `mutation { viewer: ${create('alias')} }`, 'createFlag'],
  ['a mutation in a fragment', `mutation { ...F } fragment F on Mutation { ${create('fragment')} }`, 'createFlag'],
  [
    'a mutation in a fragment of a fragment',
    `mutation { ...F } fragment F on Mutation { ...G } fragment G on Mutation { ... { ${create('nested')} } }`,
    'createFlag',
  ],
  ['a mutation in an inline fragment', `mutation { ... on Mutation { ${create('inline')} } }`, 'createFlag'],
  ['a mutation that a directive skips', `mutation { ${create('skipped').replace(') {', ') @skip(if: true) {')} }`, 'createFlag'],
];

describe('an operation that its caller lacks the role for', () => {
  it.each(refused)('%s is FORBIDDEN, 403, and nothing of it runs', async (_what, query, operation) => {
    const requestId = crypto.randomUUID();
    const as = await token({ sub: 'reader', groups: ['auditor'], email: 'reader@example.com' });
    const answer = await request(endpoint, json({ query }, { authorization: `Bearer ${as}`, 'x-request-id': requestId }));
    expect(answer).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect(answer.body.errors).toHaveLength(1);
    expect(answer.body.data ?? null).toBe(null);

    const [event] = await deniedEvents(requestId);
    expect(event).toMatchObject({
      type: 'ACCESS_DENIED',
      eventType: 'access.denied',
      result: 'DENIED',
      metadata: { operation, requiredRole: 'ADMIN' },
      actor: { type: 'USER', id: 'reader', email: 'reader@example.com' },
      requestContext: { requestId },
    });
    expect((await service.gql('{ flags { totalCount } }')).data).toEqual({ flags: { totalCount: 0 } });
  });

  it('is refused whole where only one of its fields is forbidden, and recorded once', async () => {
    const requestId = crypto.randomUUID();
    const as = await token({ sub: 'writer', groups: ['audit-writer'] });
    const query = '{ viewer { roles } a: flags { totalCount } b: environments { key } viewer2: viewer { roles } }';
    const answer = await request(endpoint, json({ query }, { authorization: `Bearer ${as}`, 'x-request-id': requestId }));
    expect(answer).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect(answer.text).not.toContain('AUDIT_WRITER');
    const events = await deniedEvents(requestId);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ metadata: { operation: 'flags', requiredRole: 'AUDITOR' }, actor: { id: 'writer' } });
  });

  it('is judged by the operation that is named, not by its neighbours in the document', async () => {
    const query = `query Mine { viewer { roles } } mutation Theirs { ${create('named')} }`;
    const headers = { authorization: `Bearer ${await token({ groups: ['auditor'] })}` };
    expect(await request(endpoint, json({ query, operationName: 'Mine' }, headers))).toMatchObject({ status: 200 });
    expect(await request(endpoint, json({ query, operationName: 'Theirs' }, headers))).toMatchObject({ status: 403 });
    for (const operationName of ['Nobody', '', undefined]) {
      expect(await request(endpoint, json({ query, operationName }, headers))).toMatchObject({ status: 400 });
    }
  });

  it('is refused over a websocket too, with its event: queries, mutations, subscriptions', async () => {
    const requestId = crypto.randomUUID();
    const socket = openRawSocket(endpoint, { headers: { 'x-request-id': requestId } });
    await socket.init(await token({ groups: ['marketing'] }));
    const operations = [
      '{ viewer { roles } flags { totalCount } }',
      `mutation { ${create('socket')} }`,
      'subscription { ...F } fragment F on Subscription { live: auditEvents { id } }',
    ];
    for (const query of operations) {
      const { payload } = await socket.run(query);
      expect([payload].flat()).toEqual([
        expect.objectContaining(
          'errors' in (payload as object)
            ? { errors: [expect.objectContaining({ extensions: { code: 'FORBIDDEN' } })] }
            : { extensions: { code: 'FORBIDDEN' } },
        ),
      ]);
      expect(JSON.stringify(payload)).not.toContain('roles');
    }
    const events = await deniedEvents(requestId, 3);
    expect(events.map(({ metadata }) => metadata)).toEqual([
      { operation: 'flags', requiredRole: 'AUDITOR' },
      { operation: 'createFlag', requiredRole: 'ADMIN' },
      { operation: 'auditEvents', requiredRole: 'AUDITOR' },
    ]);
  });
});

type Denied = { type: string; eventType: string; result: string; metadata: object; actor: object; requestContext: object };

/** The events of a request, once there are as many as expected. */
const deniedEvents = async (requestId: string, count = 1): Promise<Denied[]> =>
  vi.waitFor(async () => {
    const { data } = await service.gql<{ auditEvents: { edges: { node: Denied }[] } }>(
      `query ($requestId: String!) { auditEvents(order: OLDEST_FIRST, filter: { requestId: $requestId }) { edges { node {
        type eventType result metadata actor { type id email } requestContext { requestId } } } } }`,
      { requestId },
    );
    const events = data?.auditEvents.edges.map(({ node }) => node) ?? [];
    expect(events.length).toBeGreaterThanOrEqual(count);
    return events;
  });
