import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { aToken, openPage } from './page.ts';

const start = async (env: Record<string, string | undefined> = {}) => {
  const database = await createPostgresDatabase();
  return { database, service: await startTestService({ databaseUrl: database.url, env }) };
};
const introspection = { query: '{ __schema { queryType { name } } }' };

describe('in production', () => {
  it('there is neither introspection nor GraphiQL, over HTTP and over a socket', async () => {
    const { service } = await start({ NODE_ENV: 'production' });
    const endpoint = `${service.url}/graphql`;
    const headers = { authorization: `Bearer ${await token()}` };
    const answer = await request(endpoint, json(introspection, headers));
    expect(answer).toMatchObject({ status: 400, code: 'GRAPHQL_VALIDATION_FAILED' });
    expect(await openPage(service)).toMatchObject({ status: 401 });
    const signedIn = await openPage(service, { headers });
    expect(signedIn.text.match(/<html|graphiql/i)).toBe(null);
    const socket = openRawSocket(endpoint);
    await socket.init(await token());
    for (const query of [introspection.query, '{ __type(name: "Query") { name } }']) {
      expect(await socket.run(query)).toMatchObject({
        type: 'error',
        payload: expect.arrayContaining([expect.objectContaining({ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })]),
      });
    }
    expect(await socket.run('{ __typename viewer { roles } }')).toMatchObject({ type: 'next' });
  });

  it('there are both where they are asked for, and the page carries no token', async () => {
    const { service } = await start({ NODE_ENV: 'production', GRAPHIQL: 'true', INTROSPECTION: 'true' });
    const headers = { authorization: `Bearer ${await token()}` };
    expect(await request(`${service.url}/graphql`, json(introspection, headers))).toMatchObject({ status: 200 });
    const { status, text } = await openPage(service);
    expect(status).toBe(200);
    expect(aToken.test(text)).toBe(false);
  });
});

describe('an answer', () => {
  it('is kept by no cache, whatever it says', async () => {
    const { service } = await start();
    const endpoint = `${service.url}/graphql`;
    const bearer = async (claims = {}) => ({ authorization: `Bearer ${await token(claims)}` });
    const viewer = { query: '{ viewer { roles } }' };
    const stream = await fetch(endpoint, {
      ...json({ query: 'subscription { auditEvents { id } }' }, { ...(await bearer()), accept: 'text/event-stream' }),
      signal: AbortSignal.timeout(60_000),
    });
    void stream.body?.cancel();
    const answers: [status: number, answer: { status: number; headers: Headers }][] = [
      [200, await request(endpoint, json(viewer, await bearer()))],
      [200, await request(`${endpoint}?query=${encodeURIComponent(viewer.query)}`, { headers: await bearer() })],
      [200, stream],
      [400, await request(endpoint, json({ query: '{' }, await bearer()))],
      [401, await request(endpoint, json(viewer))],
      [403, await request(endpoint, json({ query: '{ flag(key: "a") { id } }' }, await bearer({ groups: [] })))],
      [405, await request(endpoint, { method: 'DELETE', headers: await bearer() })],
      [415, await request(endpoint, { method: 'POST', body: '{}', headers: await bearer() })],
      [200, await request(`${service.url}/readyz`)],
    ];
    for (const [status, answer] of answers) {
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([status, 'no-store']);
    }
  });
});

describe('a fault of ours', () => {
  it('is masked, and logged once with its cause and without secrets, over HTTP and over a socket', async () => {
    // The worker would stumble over it, too, and log a fault of its own.
    const { service, database } = await start({ ROLES: 'api,audit' });
    await database.sql('ALTER TABLE feature_flags RENAME TO feature_flags_gone');
    const bearer = await token();
    const answer = await request(
      `${service.url}/graphql`,
      json({ query: '{ flags { edges { node { id } } } }' }, { authorization: `Bearer ${bearer}` }),
    );
    expect(answer).toMatchObject({ status: 500, code: 'INTERNAL_SERVER_ERROR' });
    expect(answer.text).not.toMatch(/prisma|feature_flags|relation|node_modules/i);

    const socket = openRawSocket(`${service.url}/graphql`);
    await socket.init(bearer);
    const { payload } = await socket.run('{ flags { edges { node { id } } } }');
    expect(payload).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }] });
    expect(JSON.stringify(payload)).not.toMatch(/prisma|feature_flags|relation|node_modules|status/i);

    const errors = service.lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(JSON.stringify(error)).toMatch(/feature_flags/);
    for (const line of service.lines) expect(line).not.toContain(bearer.split('.')[2]);
  });

  it('in mid-stream ends the subscription with a masked error, and leaves the socket open', async () => {
    const { service, database } = await start();
    await service.gql('mutation { createFlag(input: { key: "a", name: "A" }) { __typename } }');
    const after = await vi.waitFor(async () => {
      const { data } = await service.gql<{ auditEvents: { edges: { cursor: string }[] } }>(
        '{ auditEvents { edges { cursor } } }',
      );
      expect(data?.auditEvents.edges).toHaveLength(1);
      return Buffer.from('event:0').toString('base64url');
    });
    await database.sql('ALTER TABLE audit_log RENAME TO audit_log_gone');
    const socket = openRawSocket(`${service.url}/graphql`);
    await socket.init(await token());
    socket.send({ id: '1', type: 'subscribe', payload: { query: `subscription { auditEvents(after: "${after}") { id } }` } });
    const { payload } = await socket.next();
    expect([payload].flat()[0]).toMatchObject(
      Array.isArray(payload)
        ? { extensions: { code: 'INTERNAL_SERVER_ERROR' } }
        : { errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
    );
    expect(JSON.stringify(payload)).not.toMatch(/prisma|audit_log|relation/i);
    expect(service.lines.filter((line) => line.includes('an operation failed'))).toHaveLength(1);
    expect(await socket.run('{ viewer { roles } }')).toMatchObject({ type: 'next' });
  });
});

describe('text that the log cannot hold', () => {
  it('is replaced in headers and claims: NUL, lone surrogates, what is no UTF-8', async () => {
    const { service } = await start();
    const bearer = await token({ sub: 'a\0b', name: 'n\uD800m', email: 'e\0@x', groups: ['admin', '\0'] });
    const asked = http.request(`${service.url}/graphql`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        // Header bytes: a lone surrogate as some encoders write it, a byte that is no UTF-8, and good UTF-8.
        'user-agent': 'x\xED\xA0\x80y\xFFz \xC3\xA9',
        'x-request-id': 'not an id \xFF',
      },
    });
    // As bytes: a text would take the headers along into its own encoding.
    asked.end(
      Buffer.from(JSON.stringify({ query: 'mutation { createFlag(input: { key: "t", name: "T" }) { ... on Flag { id } } }' })),
    );
    const [response] = (await once(asked, 'response')) as [http.IncomingMessage];
    expect(response.statusCode).toBe(200);
    const requestId = String(response.headers['x-request-id']);
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    response.resume();
    await vi.waitFor(async () => {
      const { data } = await service.gql(
        'query ($id: String!) { auditEvents(filter: { requestId: $id }) { edges { node { actor { id name email } requestContext { userAgent requestId ipAddress } } } } }',
        { id: requestId },
      );
      expect(data).toEqual({
        auditEvents: {
          edges: [
            {
              node: {
                actor: { id: 'a\uFFFDb', name: 'n\uFFFDm', email: 'e\uFFFD@x' },
                requestContext: { userAgent: expect.stringMatching(/^x\uFFFD+y\uFFFDz é$/), requestId, ipAddress: '127.0.0.1' },
              },
            },
          ],
        },
      });
    });
  });

  it('a request id that looks like one is taken over, and answered', async () => {
    const { service } = await start();
    const id = 'trace-1:a/b+c=d_e.f';
    expect((await service.gql('{ viewer { roles } }', {}, { headers: { 'x-request-id': id } })).headers.get('x-request-id')).toBe(
      id,
    );
    for (const bad of ['a b', 'x'.repeat(129), '<script>', '']) {
      const answer = await service.gql('{ viewer { roles } }', {}, { headers: { 'x-request-id': bad } });
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe('a client that misbehaves on the wire', () => {
  let service: TestService;
  beforeAll(async () => {
    ({ service } = await start());
  });
  const upgrade = (path: string, host: string, origin: string) =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

  it('does not end the service by resetting a connection whose upgrade is refused', async () => {
    const { port, host } = new URL(service.url);
    for (let i = 0; i < 20; i++) {
      const socket = net.connect(Number(port), '127.0.0.1');
      socket.write(upgrade(i % 2 ? '/nowhere' : '/graphql', host, 'https://evil.example'));
      // The refusal is here, and the service waits for the other side's end: then comes a reset instead.
      await once(socket, 'data');
      socket.resetAndDestroy();
    }
    expect((await request(`${service.url}/healthz`)).status).toBe(200);
  });

  it.each(['', '[', 'a b', '::', 'x'.repeat(300), '%00', '@', 'a/../b', '127.0.0.1:99999'])(
    'gets an answer whatever Host it names (%j)',
    async (host) => {
      const socket = net.connect(Number(new URL(service.url).port), '127.0.0.1');
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      );
      const answer = (await socket.setEncoding('utf8').toArray()).join('');
      expect(answer).toMatch(/^HTTP\/1\.1 40[01] /);
      const other = net.connect(Number(new URL(service.url).port), '127.0.0.1');
      other.write(upgrade('/graphql', host, 'https://evil.example'));
      expect((await other.setEncoding('utf8').toArray()).join('')).toMatch(/^HTTP\/1\.1 40[03] /);
      expect((await request(`${service.url}/healthz`)).status).toBe(200);
    },
  );
});
