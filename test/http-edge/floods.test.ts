import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, token } from '../support/service.ts';
import { readEventsOfType } from '../support/tables.ts';

const start = async (env: Record<string, string> = {}) => {
  // Stands still but for the test, so that what fills up in time does so in its steps.
  let nowMs = Date.now();
  const clock = { now: () => new Date(nowMs) };
  const service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url, clock, env });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { service, endpoint: `${service.url}/graphql`, clock, advance };
};

type Denied = { description: string; metadata: object };
type Page = { edges: { node: Denied }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };

describe('a flood', () => {
  it('of sockets of foreign origins is one short line, and a minute later one with how many more there were', async () => {
    const { service, advance } = await start();
    const { port, host } = new URL(service.url);
    const refusals = () => service.lines.filter((line) => line.includes('origin that is not allowed'));
    for (let n = 0; n < 50; n++) {
      const socket = net.connect(Number(port), '127.0.0.1');
      socket.write(
        `GET /graphql HTTP/1.1\r\nHost: ${host}\r\nOrigin: https://${'x'.repeat(10_000)}.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      );
      expect(String((await once(socket, 'data'))[0])).toContain('403 Forbidden');
      // It is ended, though the client does not end it.
      await once(socket, 'close');
    }
    expect(refusals()).toHaveLength(1);
    expect(refusals()[0]?.length).toBeLessThan(1000);
    advance(60_000);
    await expect.poll(refusals).toHaveLength(2);
    const line = refusals()[1] ?? '';
    expect(line.length).toBeLessThan(1000);
    expect(JSON.parse(line)).toMatchObject({ more: { count: 49 }, msg: expect.stringMatching(/: 49 more times$/) });
  });

  it('of refused operations has an event for each of the first 100 of a caller, and then one that counts the rest', async () => {
    const { service, advance, clock } = await start();
    const denied = async (actorId: string) => {
      const page = async (after: string | null): Promise<Denied[]> => {
        const { data } = await service.gql<{ auditEvents: Page }>(
          `query ($actorId: String!, $after: String) {
            auditEvents(order: OLDEST_FIRST, first: 200, after: $after, filter: { types: [ACCESS_DENIED], actorId: $actorId }) {
              edges { node { description metadata } } pageInfo { hasNextPage endCursor } } }`,
          { actorId, after },
          { as: await token({ now: clock.now() }) },
        );
        const { edges = [], pageInfo } = data?.auditEvents ?? {};
        const found = edges.map(({ node }) => node);
        return pageInfo?.hasNextPage ? [...found, ...(await page(pageInfo.endCursor))] : found;
      };
      return page(null);
    };
    const ask = async (sub: string, times: number) => {
      const as = await token({ sub, groups: [], now: clock.now() });
      for (let n = 0; n < times; n++) expect((await service.gql('{ flags { totalCount } }', {}, { as })).status).toBe(403);
    };
    await ask('mallory', 140);
    await ask('ann', 1);
    await expect.poll(async () => (await denied('mallory')).length).toBe(100);
    expect(await denied('ann')).toHaveLength(1);
    advance(60_000);
    await expect.poll(async () => (await denied('mallory')).length).toBe(101);
    const last = (await denied('mallory')).at(-1);
    expect(last?.metadata).toEqual({
      operation: 'flags',
      requiredRole: 'AUDITOR',
      more: 40,
      since: expect.any(String),
      until: expect.any(String),
    });
    expect(last?.description).toMatch(
      /^Access was denied 40 more times from .*Z to .*Z, the last time to flags: the role AUDITOR is required$/,
    );
    await ask('mallory', 1);
    await expect.poll(async () => (await denied('mallory')).length).toBe(102);
  });

  it('of refused operations is counted in the log also where the service stops meanwhile', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url });
    const as = await token({ sub: 'mallory', groups: [] });
    for (let n = 0; n < 105; n++) await service.gql('{ flags { totalCount } }', {}, { as });
    await service.stop();
    const events = await readEventsOfType(database, 'access.denied');
    expect(events).toHaveLength(101);
    expect(events.at(-1)?.metadata).toMatchObject({ more: 5 });
  });

  it('of refused operations is counted in the log also where they come while the service stops', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url });
    const body = JSON.stringify({ query: '{ flags { totalCount } }' });
    const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${await token({ sub: 'mallory', groups: [] })}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const port = Number(new URL(service.url).port);
    const half = async () => {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(head + body.slice(0, 5));
      return socket;
    };
    const sockets = await Promise.all(Array.from({ length: 105 }, half));
    // All that was sent before this has been read.
    await request(`${service.url}/healthz`);
    const stopped = service.stop();
    await expect.poll(() => request(`${service.url}/healthz`).catch(() => 'refused')).toBe('refused');
    for (const socket of sockets) {
      socket.write(body.slice(5));
      expect(String((await once(socket, 'data'))[0])).toContain('403 Forbidden');
    }
    await stopped;
    const events = await readEventsOfType(database, 'access.denied');
    expect(events.at(-1)?.metadata).toMatchObject({ more: 5 });
  });

  it('of mutations is refused before anything runs, with the moment at which there is room again, on both transports', async () => {
    const { service, endpoint, advance, clock } = await start({ MUTATIONS_PER_SECOND: '1', MUTATION_BURST: '100' });
    const as = await token({ sub: 'ann', now: clock.now(), lifetimeMs: 86_400_000 });
    const create = (prefix: string, count: number) =>
      `mutation { ${Array.from({ length: count }, (_, n) => `m${n}: createFlag(input: { key: "${prefix}-${n}", name: "x" }) { __typename }`).join(' ')} }`;
    const post = (query: string, bearer = as) => request(endpoint, json({ query }, { authorization: `Bearer ${bearer}` }));
    for (let n = 0; n < 4; n++) expect((await post(create(`a${n}`, 24))).status).toBe(200);
    // Four are left.
    const refused = await post(create('b', 24));
    expect(refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    const { retryAfterMs } = refused.body.errors[0].extensions;
    expect(retryAfterMs).toBe(20_000);
    expect(refused.headers.get('retry-after')).toBe('20');
    expect(refused.body.errors[0].message).toContain('at most 1 changes a second, and 100 at once');
    expect(refused.body.data ?? null).toBe(null);

    const socket = openRawSocket(endpoint);
    await socket.init(as);
    const answer = await socket.run(create('b', 24));
    expect(answer.payload).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
    });
    expect(JSON.stringify(answer.payload)).not.toContain('http');

    // Reading goes on, as does everybody else.
    expect((await post('{ flags { totalCount } }')).body.data).toEqual({ flags: { totalCount: 96 } });
    const bob = await token({ sub: 'bob', now: clock.now() });
    expect((await post(create('c', 24), bob)).status).toBe(200);
    advance(retryAfterMs);
    expect((await post(create('b', 24))).status).toBe(200);
    expect((await service.gql<{ flags: object }>('{ flags { totalCount } }', {}, { as })).data?.flags).toEqual({
      totalCount: 144,
    });
    expect((await request(`${service.url}/metrics`)).text).toContain('flagtrail_refused_total{reason="mutation_rate"} 2');
  });

  it('of 3,000 sockets that never authenticate keeps out neither 2,000 that do, nor the health check', async () => {
    const { service, endpoint } = await start();
    const silent = Array.from({ length: 3000 }, () => openRawSocket(endpoint));
    await Promise.all(silent.map((socket) => Promise.race([socket.opened(), socket.closed()])));
    const as = await token();
    const honest = Array.from({ length: 2000 }, () => openRawSocket(endpoint));
    await Promise.all(honest.map((socket) => socket.init(as)));
    expect((await request(`${service.url}/healthz`)).status).toBe(200);
    expect(honest.every(({ socket }) => socket.readyState === socket.OPEN)).toBe(true);
  }, 60_000);
});
