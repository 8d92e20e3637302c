import { beforeAll, describe, expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { type IdentityProvider, startIdentityProvider } from '../support/oidc.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService } from '../support/service.ts';

let idp: IdentityProvider;
let service: TestService;
let endpoint: string;

const startWith = async (provider: IdentityProvider, env: Record<string, string> = {}) =>
  startTestService({
    databaseUrl: (await createPostgresDatabase()).url,
    env: {
      AUTH_SECRET: undefined,
      AUTH_JWKS_URL: provider.jwksUrl,
      AUTH_ISSUER: provider.issuer,
      AUTH_AUDIENCE: provider.audience,
      ...env,
    },
  });

beforeAll(async () => {
  idp = await startIdentityProvider();
  atTestEnd(() => idp[Symbol.asyncDispose]());
  service = await startWith(idp);
  endpoint = `${service.url}/graphql`;
});

const viewer = { query: '{ viewer { actor { id } roles } }' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"alice","groups":["admin"]}')}.`.replaceAll('=', '');

/** Tokens that are not accepted, with what the sender is told, and the close code on a socket. */
const badTokens: [what: string, token: () => Promise<string>, message: RegExp, closeCode: number][] = [
  ['that expired', () => idp.token({ expiresInSeconds: -3 }), /has expired/, 4403],
  ['of another issuer', () => idp.token({ issuer: 'https://other.example' }), /another issuer/, 4401],
  ['for another audience', () => idp.token({ audience: 'https://other.example' }), /another audience/, 4401],
  ['that nobody signed', async () => unsigned, /algorithm is not accepted|not a well-formed/, 4401],
  ['that is no JWT', async () => 'letmein', /not a well-formed JWT/, 4401],
  ['whose signature was cut', async () => (await idp.token({ groups: ['admin'] })).slice(0, -6), /./, 4401],
];

describe('over HTTP', () => {
  it.each(badTokens)('a token %s is UNAUTHENTICATED, 401', async (_what, token, message) => {
    const answer = await request(endpoint, json(viewer, bearer(await token())));
    expect(answer).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(answer.body.errors[0].message).toMatch(message);
    expect(answer.body).not.toHaveProperty('data');
  });

  it.each([
    ['no Authorization header', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a scheme without a token', { authorization: 'Bearer' }],
    ['two tokens', { authorization: 'Bearer a b' }],
    ['a token without its scheme', { authorization: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' }],
  ])('%s is UNAUTHENTICATED, 401', async (_what, headers: Record<string, string>) => {
    const answer = await request(endpoint, json(viewer, headers));
    expect(answer).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  const introspection = '{ __schema { queryType { name } } }';
  it.each<[string, string, RequestInit]>([
    ['introspection', '', json({ query: introspection })],
    ['a query in the address', `?query=${encodeURIComponent(viewer.query)}`, {}],
    ['introspection in the address', `?query=${encodeURIComponent(introspection)}`, {}],
    ['a document that does not parse', '', json({ query: '{' })],
    ['a field that does not exist', '', json({ query: '{ nothing }' })],
    ['a body that is not JSON', '', { ...json(''), body: '{"query":' }],
    ['an empty body', '', { ...json(''), body: '' }],
    ['a text body', '', { method: 'POST', body: '{ viewer { roles } }' }],
    ['a form', '', { method: 'POST', body: new URLSearchParams({ query: viewer.query }) }],
    ['a batch', '', json([viewer, viewer])],
    ['a body of 2 MB', '', json({ query: `#${'x'.repeat(2_000_000)}` })],
    [
      'a subscription for server-sent events',
      '',
      json({ query: 'subscription { auditEvents { id } }' }, { accept: 'text/event-stream' }),
    ],
    ['PUT', '', { ...json(viewer), method: 'PUT' }],
    ['DELETE', '', { method: 'DELETE' }],
    ['HEAD', '', { method: 'HEAD' }],
  ])('authentication comes first: %s without a token is 401', async (_what, suffix, init) => {
    expect((await request(`${endpoint}${suffix}`, init)).status).toBe(401);
  });

  it('a token may come in any letter case of its scheme, and with spaces around', async () => {
    const token = await idp.token({ sub: 'alice' });
    for (const authorization of [`bearer ${token}`, `BEARER   ${token} `]) {
      expect((await request(endpoint, json(viewer, { authorization }))).status).toBe(200);
    }
  });

  it.each([
    ['admin', ['ADMIN'], 200, 200],
    ['auditor', ['AUDITOR'], 200, 403],
    ['audit-writer', ['AUDIT_WRITER'], 403, 403],
    ['marketing', [], 403, 403],
  ])('group %s has the roles %j: reads %i, changes %i', async (group, roles, reads, changes) => {
    const as = bearer(await idp.token({ sub: `user-${group}`, groups: [group] }));
    expect((await request(endpoint, json(viewer, as))).body).toEqual({
      data: { viewer: { actor: { id: `user-${group}` }, roles } },
    });
    expect((await request(endpoint, json({ query: '{ auditEvents { totalCount } }' }, as))).status).toBe(reads);
    const mutation = { query: 'mutation { deleteFlag(input: { flagKey: "none" }) { __typename } }' };
    expect((await request(endpoint, json(mutation, as))).status).toBe(changes);
  });

  it('what needs no token: health, readiness, metrics, the page of GraphiQL; elsewhere there is nothing', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) expect((await request(service.url + path)).status).toBe(200);
    expect(await request(endpoint, { headers: { accept: 'text/html' } })).toMatchObject({ status: 200 });
    for (const path of ['/graphql/', '/graphql2', '/health', '/GRAPHQL', '//graphql', '/.git/config']) {
      expect((await request(service.url + path)).status).toBe(404);
    }
  });

  it('the page is a page alone: an operation in its address does not run', async () => {
    const query = `?query=${encodeURIComponent('{ auditEvents { totalCount } }')}`;
    const answer = await request(endpoint + query, { headers: { accept: 'text/html' } });
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.text).not.toContain('"totalCount"');
  });
});

describe('over a websocket', () => {
  it.each(badTokens)('a token %s closes the socket', async (_what, token, message, code) => {
    const socket = openRawSocket(endpoint);
    await socket.init(await token()).catch(() => {});
    const closed = await socket.closed();
    expect(closed.code).toBe(code);
    expect(closed.reason).toMatch(message);
  });

  it.each([
    ['no parameters', undefined],
    ['no authorization among them', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a token without its scheme', { authorization: 'abc.def.ghi' }],
    ['a token that is no text', { authorization: 5 }],
  ])('%s closes it with 4401, and clients do not come back', async (_what, payload) => {
    const socket = openRawSocket(endpoint);
    await socket.opened();
    socket.send({ type: 'connection_init', payload });
    expect((await socket.closed()).code).toBe(4401);
  });

  it('an operation before authentication closes it with 4401, introspection too', async () => {
    const socket = openRawSocket(endpoint);
    await socket.opened();
    socket.send({ id: '1', type: 'subscribe', payload: { query: '{ __schema { queryType { name } } }' } });
    expect((await socket.closed()).code).toBe(4401);
  });

  it.each([
    ['admin', undefined, undefined],
    ['auditor', undefined, 'FORBIDDEN'],
    ['audit-writer', 'FORBIDDEN', 'FORBIDDEN'],
    ['marketing', 'FORBIDDEN', 'FORBIDDEN'],
  ])('group %s: reads %s, changes %s', async (group, reads, changes) => {
    const socket = openRawSocket(endpoint);
    await socket.init(await idp.token({ groups: [group] }));
    const codeOf = async (query: string) => {
      const { payload } = await socket.run(query);
      return [payload]
        .flat()
        .map((answer) => (answer as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code)[0];
    };
    expect(await codeOf('{ auditEvents { totalCount } }')).toBe(reads);
    expect(await codeOf('mutation { deleteFlag(input: { flagKey: "none" }) { __typename } }')).toBe(changes);
    expect(await codeOf('{ viewer { roles } }')).toBe(undefined);
  });

  it('a token that expires in mid-stream closes it with 4403, after which nothing comes', async () => {
    const socket = openRawSocket(endpoint);
    await socket.init(await idp.token({ groups: ['auditor'], expiresInSeconds: 2 }));
    socket.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { auditEvents { position } }' } });
    expect(await socket.closed()).toEqual({ code: 4403, reason: 'Token expired' });
  });

  it.each([
    ['a foreign site', 'https://evil.example', 403],
    ['a sandboxed page', 'null', 403],
    ['no address at all', 'localhost', 403],
    ['its own host on another port', 'http://127.0.0.1:1', 403],
  ])('the origin of %s is refused at the upgrade', async (_what, origin, status) => {
    expect(await openRawSocket(endpoint, { origin }).refused).toBe(status);
  });

  it('its own origin, one on the list, and no origin at all are accepted', async () => {
    const listed = await startWith(idp, { ALLOWED_ORIGINS: 'https://admin.example.com' });
    const token = await idp.token({ groups: ['auditor'] });
    for (const options of [{ origin: listed.url }, { origin: 'https://admin.example.com' }, {}]) {
      expect(await openRawSocket(`${listed.url}/graphql`, options).init(token)).toEqual({ type: 'connection_ack' });
    }
    expect(await openRawSocket(`${listed.url}/graphql`, { origin: 'https://admin.example.com.evil.example' }).refused).toBe(403);
  });

  it('elsewhere there is nothing: 404', async () => {
    for (const path of ['/', '/graphql/', '/healthz']) expect(await openRawSocket(service.url + path).refused).toBe(404);
  });
});

describe('over server-sent events', () => {
  it('a stream ends with its token, as a socket does, and says why', async () => {
    const bearer = await idp.token({ groups: ['auditor'], expiresInSeconds: 2 });
    const response = await fetch(
      endpoint,
      json(
        { query: 'subscription { auditEvents { position } }' },
        { authorization: `Bearer ${bearer}`, accept: 'text/event-stream' },
      ),
    );
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const last = 'data: {"errors":[{"message":"the token has expired","extensions":{"code":"UNAUTHENTICATED"}}]}';
    expect(await response.text()).toContain(`${last}\n\nevent: complete`);
  });
});

describe('while the identity provider is out of reach', () => {
  it('a token that cannot be judged is not refused but put off: 503 and 1013', async () => {
    await using provider = await startIdentityProvider();
    const outage = await startWith(provider);
    const token = await provider.token({ groups: ['auditor'] });
    provider.jwks.answer = 'error';

    const answer = await request(`${outage.url}/graphql`, json(viewer, bearer(token)));
    expect(answer).toMatchObject({ status: 503, code: 'AUTHENTICATION_UNAVAILABLE' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const socket = openRawSocket(`${outage.url}/graphql`);
    await socket.init(token).catch(() => {});
    expect((await socket.closed()).code).toBe(1013);
  });
});
