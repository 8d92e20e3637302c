import { beforeAll, describe, expect, it, vi } from 'vitest';
import { eventsOf, operationsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase, type TestDatabase } from '../support/databases.ts';
import { json, request } from '../support/raw-http.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let sql: TestDatabase['sql'];
let keys: ReturnType<typeof operationsOf>;
let endpoint: string;
let admin: Awaited<ReturnType<typeof keys.newKey>>;
beforeAll(async () => {
  const database = await createPostgresDatabase();
  sql = database.sql;
  service = await startTestService({ databaseUrl: database.url, env: { ALLOWED_ORIGINS: 'https://admin.example' } });
  keys = operationsOf(service);
  endpoint = `${service.url}/graphql`;
  admin = await keys.newKey({ name: 'deployer', roles: ['ADMIN'] });
});

const viewer = '{ viewer { actor { type id name email } roles } }';
const bearer = (secret: string, headers: Record<string, string> = {}) => ({ authorization: `Bearer ${secret}`, ...headers });
const ask = (secret: string, headers: Record<string, string> = {}, query = viewer) =>
  request(endpoint, json({ query }, bearer(secret, headers)));
const createFlag = async (as: string, key: string, headers: Record<string, string> = {}) =>
  expect(
    await service.gql(
      'mutation ($key: String!) { createFlag(input: { key: $key, name: "x" }) { __typename } }',
      { key },
      { as, headers },
    ),
  ).toMatchObject({ data: { createFlag: { __typename: 'Flag' } } });

describe('a request with an API key', () => {
  it('is made by the key: actor, roles, and the key id in every event', async () => {
    expect((await ask(admin.secret)).body.data.viewer).toEqual({
      actor: { type: 'API', id: admin.apiKey.id, name: 'deployer', email: null },
      roles: ['ADMIN'],
    });
    await createFlag(admin.secret, 'by-key');
    const [event] = await eventsOf(service, { flagKey: 'by-key' });
    expect(event).toMatchObject({
      eventType: 'flag.created',
      actor: { type: 'API', id: admin.apiKey.id, name: 'deployer', email: null },
      metadata: { adminUserId: admin.apiKey.id, adminEmail: null },
      requestContext: { apiKeyId: admin.apiKey.id, sessionId: null },
    });
    expect(await eventsOf(service, { actorType: 'API', actorId: admin.apiKey.id })).toHaveLength(1);
  });

  it('may do what its roles say: FORBIDDEN beyond, with an access.denied event of the key', async () => {
    const { apiKey, secret } = await keys.newKey({ roles: ['AUDITOR'] });
    expect(await ask(secret, {}, '{ flags { totalCount } }')).toMatchObject({ status: 200 });
    expect(await ask(secret, {}, '{ apiKeys { totalCount } }')).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    const [event] = await eventsOf(service, { actorId: apiKey.id });
    expect(event).toMatchObject({
      eventType: 'access.denied',
      result: 'DENIED',
      actor: { type: 'API', id: apiKey.id },
      requestContext: { apiKeyId: apiKey.id },
    });
  });

  it('has createdBy and cancelledBy hold the key', async () => {
    await createFlag(admin.secret, 'scheduled-by-key');
    const { data } = await service.gql<{ createSchedule: { createdBy: string } }>(
      `mutation ($at: DateTime!) { createSchedule(input: { flagKey: "scheduled-by-key", scheduledAt: $at, updates: { enabled: true } }) {
        ... on Schedule { createdBy } } }`,
      { at: new Date(Date.now() + 3_600_000) },
      { as: admin.secret },
    );
    expect(data?.createSchedule).toEqual({ createdBy: admin.apiKey.id });
  });

  it('that nobody has, or that is mistyped, is UNAUTHENTICATED, 401, and says so', async () => {
    const unknown = `${admin.secret.slice(0, -1)}${admin.secret.endsWith('A') ? 'E' : 'A'}`;
    for (const [secret, message] of [
      [unknown, /API key is unknown/],
      [`ftk_AAAAAAAA_${'A'.repeat(43)}`, /API key is unknown/],
      [admin.secret.slice(0, -1), /incomplete or mistyped/],
    ] as const) {
      const answer = await ask(secret);
      expect(answer).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(answer.body.errors[0].message).toMatch(message);
    }
  });

  it('is refused from the moment at which the key is revoked, or expires', async () => {
    const { apiKey, secret } = await keys.newKey();
    expect((await ask(secret)).status).toBe(200);
    await keys.revoke(apiKey.id);
    const refused = await ask(secret);
    expect(refused).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(refused.body.errors[0].message).toMatch(/was revoked/);

    const short = await keys.newKey({ expiresAt: new Date(Date.now() + 3_600_000) });
    expect((await ask(short.secret)).status).toBe(200);
    await sql("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1", [short.apiKey.id]);
    const expired = await ask(short.secret);
    expect(expired).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(expired.body.errors[0].message).toMatch(/has expired/);
  });

  it('is noted as the last use of the key, to the minute', async () => {
    const { apiKey, secret } = await keys.newKey();
    const lastUsedAt = async () => (await keys.list()).keys.find(({ id }) => id === apiKey.id)?.lastUsedAt ?? null;
    const noted = () => vi.waitFor(async () => expect(await lastUsedAt()).not.toBeNull()).then(lastUsedAt);
    await ask(secret);
    const first = await noted();
    await ask(secret);
    expect(await lastUsedAt()).toBe(first);
  });
});

describe('on behalf of a person', () => {
  const forGrace = { 'x-on-behalf-of': 'grace' };

  it("the person is the actor, and the key vouches for it; the roles stay the key's", async () => {
    expect((await ask(admin.secret, forGrace)).body.data.viewer).toEqual({
      actor: { type: 'USER', id: 'grace', name: null, email: null },
      roles: ['ADMIN'],
    });
    await createFlag(admin.secret, 'for-grace', forGrace);
    const [event] = await eventsOf(service, { flagKey: 'for-grace' });
    expect(event).toMatchObject({
      actor: { type: 'USER', id: 'grace', name: null, email: null },
      metadata: { adminUserId: 'grace', adminEmail: null },
      requestContext: { apiKeyId: admin.apiKey.id },
    });
  });

  it('createdBy and cancelledBy hold the person', async () => {
    await createFlag(admin.secret, 'scheduled-for-grace');
    const at = new Date(Date.now() + 3_600_000);
    const created = await service.gql<{ createSchedule: { id: string; createdBy: string } }>(
      `mutation ($at: DateTime!) { createSchedule(input: { flagKey: "scheduled-for-grace", scheduledAt: $at, updates: { enabled: true } }) {
        ... on Schedule { id createdBy } } }`,
      { at },
      { as: admin.secret, headers: forGrace },
    );
    expect(created.data?.createSchedule.createdBy).toBe('grace');
    const cancelled = await service.gql(
      'mutation ($id: ID!) { cancelSchedule(input: { id: $id }) { ... on Schedule { createdBy cancelledBy } } }',
      { id: created.data?.createSchedule.id },
      { as: admin.secret, headers: { 'x-on-behalf-of': 'hopper' } },
    );
    expect(cancelled.data).toEqual({ cancelSchedule: { createdBy: 'grace', cancelledBy: 'hopper' } });
  });

  it('access.denied names the person and the key', async () => {
    const { apiKey, secret } = await keys.newKey();
    expect((await ask(secret, { 'x-on-behalf-of': 'mallory' }, '{ flags { totalCount } }')).status).toBe(403);
    const [event] = await eventsOf(service, { actorId: 'mallory' });
    expect(event).toMatchObject({ eventType: 'access.denied', actor: { type: 'USER' }, requestContext: { apiKeyId: apiKey.id } });
  });

  it('takes a userId of 255 characters, in UTF-8', async () => {
    const userId = 'é'.repeat(255);
    const header = Buffer.from(userId).toString('latin1');
    expect((await ask(admin.secret, { 'x-on-behalf-of': header })).body.data.viewer.actor.id).toBe(userId);
  });

  it.each([
    ['nothing', '', /not empty/],
    ['256 characters', 'x'.repeat(256), /more than 255/],
    ['Latin-1, where two people could become one,', 'j\u00f6rg', /not in UTF-8/],
  ])('%s is BAD_USER_INPUT, 400', async (_what, userId, message) => {
    const answer = await ask(admin.secret, { 'x-on-behalf-of': userId });
    expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
    expect(answer.body.errors[0].message).toMatch(message);
  });

  it('two persons are BAD_USER_INPUT, and not one of both names', async () => {
    const headers = new Headers({ ...bearer(admin.secret), 'content-type': 'application/json' });
    const answer = await sendTwice(endpoint, headers, ['grace', 'ada']);
    expect(answer).toMatchObject({ status: 400, text: expect.stringMatching(/more than once.*BAD_USER_INPUT/) });
  });

  it('is BAD_USER_INPUT with a JWT: to overlook it would attribute to one what another did', async () => {
    const answer = await ask(await token(), forGrace);
    expect(answer).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' });
    expect(answer.body.errors[0].message).toMatch(/only an API key/);
    expect(answer.body).not.toHaveProperty('data');
  });

  it('does not come before authentication', async () => {
    expect((await ask('nonsense', { 'x-on-behalf-of': '' })).status).toBe(401);
  });

  it('browsers of an allowed origin may send the header', async () => {
    const preflight = await request(endpoint, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://admin.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-on-behalf-of',
      },
    });
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/x-on-behalf-of/i);
  });
});

// The last one: it takes the table away.
it('a database that does not answer says nothing against a key: 503, and JWTs go on', async () => {
  await sql('ALTER TABLE api_keys RENAME TO api_keys_away');
  const answer = await ask(admin.secret);
  expect(answer).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE' });
  expect(answer.headers.get('retry-after')).toBe('2');
  expect((await ask(await token())).status).toBe(200);
  await sql('ALTER TABLE api_keys_away RENAME TO api_keys');
  expect((await ask(admin.secret)).status).toBe(200);
  expect(service.lines.join('\n')).not.toContain(admin.secret.slice(13));
});

/** Fetch would join the two headers; a client of its own need not. */
async function sendTwice(url: string, headers: Headers, names: readonly string[]) {
  const { request: send } = await import('node:http');
  const body = JSON.stringify({ query: viewer });
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const pairs = [...headers].flat().concat(names.flatMap((name) => ['X-On-Behalf-Of', name]));
    const { host } = new URL(url);
    const outgoing = send(
      url,
      { method: 'POST', headers: ['host', host, 'content-length', String(body.length), ...pairs] },
      (answer) => {
        let text = '';
        answer.on('data', (chunk) => (text += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
