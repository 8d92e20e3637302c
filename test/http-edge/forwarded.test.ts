import { describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, token } from '../support/service.ts';

const start = async (env: Record<string, string | undefined>) =>
  startTestService({ databaseUrl: (await createPostgresDatabase()).url, env });

describe('behind a proxy', () => {
  it('events name the address that a trusted proxy heard, over HTTP and over a socket', async () => {
    const service = await start({ TRUSTED_PROXIES: '127.0.0.0/8' });
    const create = (key: string) => `mutation { createFlag(input: { key: "${key}", name: "F" }) { __typename } }`;
    await service.gql(create('over-http'), {}, { headers: { 'x-forwarded-for': '198.51.100.9, 203.0.113.1' } });
    const socket = openRawSocket(`${service.url}/graphql`, { headers: { 'x-forwarded-for': '203.0.113.2, 127.0.0.9' } });
    await socket.init(await token());
    await socket.run(create('over-a-socket'));
    await vi.waitFor(async () => {
      const { data } = await service.gql<{ auditEvents: { edges: { node: object }[] } }>(
        '{ auditEvents(order: OLDEST_FIRST) { edges { node { flagKey requestContext { ipAddress } } } } }',
      );
      expect(data?.auditEvents.edges.map(({ node }) => node)).toEqual([
        { flagKey: 'over-http', requestContext: { ipAddress: '203.0.113.1' } },
        { flagKey: 'over-a-socket', requestContext: { ipAddress: '203.0.113.2' } },
      ]);
    });
  });

  it('each operation of a socket has a request id of its own, and the address of its own socket', async () => {
    const service = await start({ TRUSTED_PROXIES: '127.0.0.0/8' });
    const addresses = ['203.0.113.1', '203.0.113.2'];
    const sockets = addresses.map((address) =>
      openRawSocket(`${service.url}/graphql`, { headers: { 'x-forwarded-for': address } }),
    );
    for (const socket of sockets) await socket.init(await token());
    for (const round of ['a', 'b']) {
      for (const [index, socket] of sockets.entries()) {
        await socket.run(`mutation { createFlag(input: { key: "${round}${index}", name: "F" }) { __typename } }`);
      }
    }
    type Event = { flagKey: string; requestContext: { ipAddress: string; requestId: string } };
    await vi.waitFor(async () => {
      const { data } = await service.gql<{ auditEvents: { edges: { node: Event }[] } }>(
        '{ auditEvents(order: OLDEST_FIRST) { edges { node { flagKey requestContext { ipAddress requestId } } } } }',
      );
      const events = data?.auditEvents.edges.map(({ node }) => node) ?? [];
      expect(events.map(({ flagKey, requestContext }) => [flagKey, requestContext.ipAddress])).toEqual([
        ['a0', addresses[0]],
        ['a1', addresses[1]],
        ['b0', addresses[0]],
        ['b1', addresses[1]],
      ]);
      expect(new Set(events.map(({ requestContext }) => requestContext.requestId)).size).toBe(4);
    });
  });
});

describe('the HTTP status of an error', () => {
  const refused: [string, string, string[]][] = [
    ['a document that is none', '{', ['admin']],
    ['an unknown field', '{ nothing }', ['admin']],
    ['a value out of range', '{ flags(first: 0) { totalCount } }', ['admin']],
    ['a missing role', '{ flags { totalCount } }', ['nobody']],
    ['a cursor that is none', 'subscription { auditEvents(after: "x") { id } }', ['admin']],
  ];
  it('reaches no client in the body: JSON, event stream or socket', async () => {
    const service = await start({});
    for (const [what, query, groups] of refused) {
      const bearer = await token({ groups });
      const answers: string[] = [];
      for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream']) {
        const { text } = await request(`${service.url}/graphql`, json({ query }, { accept, authorization: `Bearer ${bearer}` }));
        answers.push(text);
      }
      const socket = openRawSocket(`${service.url}/graphql`);
      await socket.init(bearer);
      answers.push(JSON.stringify(await socket.run(query)));
      for (const answer of answers) {
        expect(answer, what).toMatch(/"code":"[A-Z_]+"/);
        expect(answer, what).not.toMatch(/"(http|status|spec|headers)"/);
      }
    }
  });
});
