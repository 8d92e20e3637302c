import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventsOf, operationsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase, type TestDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let sql: TestDatabase['sql'];
let keys: ReturnType<typeof operationsOf>;
beforeAll(async () => {
  const database = await createPostgresDatabase();
  sql = database.sql;
  service = await startTestService({ databaseUrl: database.url, env: { LOG_LEVEL: 'trace' } });
  keys = operationsOf(service);
});

const hashOf = (secret: string) => createHash('sha256').update(secret).digest();

describe('an API key', () => {
  it('is made with its secret, which is shown this once; it writes audit events and never expires unless it is told otherwise', async () => {
    const { __typename, apiKey, secret } = await keys.create({ name: 'billing service' });
    expect(__typename).toBe('CreateApiKeyPayload');
    expect(secret).toMatch(/^ftk_[\w-]{8}_[\w-]{43}$/);
    expect(apiKey).toEqual({
      id: expect.any(String),
      name: 'billing service',
      prefix: secret?.slice(0, 12),
      roles: ['AUDIT_WRITER'],
      createdAt: expect.any(String),
      createdBy: 'admin-a',
      expiresAt: null,
      lastUsedAt: null,
      revokedAt: null,
      revokedBy: null,
    });
    expect((await keys.list('first: 1')).keys).toEqual([apiKey]);
  });

  it('takes roles, each once, and an expiry', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const { apiKey } = await keys.newKey({ roles: ['AUDITOR', 'ADMIN', 'AUDITOR'], expiresAt });
    expect(apiKey).toMatchObject({ roles: ['AUDITOR', 'ADMIN'], expiresAt });
  });

  it.each([
    ['an expiry that has passed', { expiresAt: '2026-01-01T00:00:00Z' }, 'expiresAt'],
    ['no role', { roles: [] }, 'roles'],
    ['no name', { name: '' }, 'name'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, 'name'],
  ])('with %s is a ValidationError: nothing is stored', async (_what, input, path) => {
    const before = (await keys.list()).totalCount;
    expect(await keys.create({ name: 'x', ...input })).toMatchObject({
      __typename: 'ValidationError',
      issues: [{ path: [path] }],
    });
    expect((await keys.list()).totalCount).toBe(before);
  });

  it('makes no other, which would outlive it: FORBIDDEN, also on behalf of a person, and recorded', async () => {
    const { apiKey, secret } = await keys.newKey({ roles: ['ADMIN'], expiresAt: new Date(Date.now() + 3_600_000) });
    const before = (await keys.list()).totalCount;
    const query = 'mutation { createApiKey(input: { name: "child", roles: [ADMIN] }) { __typename } }';
    for (const headers of [undefined, { 'x-on-behalf-of': 'the-ceo' }]) {
      const { data, errors } = await service.gql(query, {}, { as: secret, headers });
      expect(data ?? null).toBeNull();
      expect(errors).toMatchObject([{ message: expect.stringContaining('API key'), extensions: { code: 'FORBIDDEN' } }]);
    }
    expect((await keys.list()).totalCount).toBe(before);
    for (const actorId of [apiKey.id, 'the-ceo']) {
      const [event] = await eventsOf(service, { actorId });
      expect(event).toMatchObject({
        eventType: 'access.denied',
        metadata: { operation: 'createApiKey', requiredRole: 'ADMIN (with a JWT, not an API key)' },
        requestContext: { apiKeyId: apiKey.id },
      });
    }
    expect(await keys.revoke(apiKey.id, { as: secret })).toMatchObject({ __typename: 'ApiKey', revokedBy: apiKey.id });
  });

  it('is recorded when it is created and revoked, by whom, and never with its secret or hash', async () => {
    const { apiKey, secret } = await keys.newKey({ name: 'recorded' });
    const other = { as: await token({ sub: 'admin-b', email: 'b@example.com' }) };
    const revoked = await keys.revoke(apiKey.id, other);
    expect(revoked).toMatchObject({ __typename: 'ApiKey', id: apiKey.id, revokedBy: 'admin-b', revokedAt: expect.any(String) });

    const [created, ended] = await eventsOf(service, { resourceId: apiKey.id }, 2);
    const facts = { apiKeyId: apiKey.id, name: 'recorded', prefix: apiKey.prefix, roles: ['AUDIT_WRITER'], expiresAt: null };
    expect(created).toMatchObject({
      eventType: 'api_key.created',
      actor: { type: 'USER', id: 'admin-a' },
      resource: { type: 'api_key', id: apiKey.id },
      description: `API key 'recorded' (${apiKey.prefix}…) was created with the role AUDIT_WRITER`,
      metadata: { ...facts, adminUserId: 'admin-a', adminEmail: null },
      previousState: null,
      newState: { name: 'recorded', revokedAt: null, createdBy: 'admin-a' },
    });
    expect(ended).toMatchObject({
      eventType: 'api_key.revoked',
      actor: { type: 'USER', id: 'admin-b', email: 'b@example.com' },
      metadata: { ...facts, adminUserId: 'admin-b', adminEmail: 'b@example.com' },
      previousState: { revokedAt: null, revokedBy: null },
      newState: { revokedAt: revoked.revokedAt, revokedBy: 'admin-b' },
      changes: [
        { field: 'revokedAt', previousValue: null, newValue: revoked.revokedAt },
        { field: 'revokedBy', previousValue: null, newValue: 'admin-b' },
      ],
    });

    const written = [
      ...service.lines,
      ...(
        await sql<{ text: string }>('SELECT entry AS text FROM audit_log UNION ALL SELECT disclosures FROM audit_disclosures')
      ).map(({ text }) => text),
      JSON.stringify(await sql('SELECT id, name, prefix, roles, created_by, revoked_by FROM api_keys')),
    ].join('\n');
    expect(written).toContain(apiKey.prefix);
    expect(written).not.toContain(secret.slice(13));
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      expect(written).not.toContain(hashOf(secret).toString(encoding).slice(0, 20));
    }
    const [row] = await sql<{ hash: Buffer }>('SELECT hash FROM api_keys WHERE id = $1', [apiKey.id]);
    expect(row?.hash.equals(hashOf(secret))).toBe(true);
  });

  it('that is revoked again stays as it was, and nothing is recorded', async () => {
    const { apiKey } = await keys.newKey();
    const first = await keys.revoke(apiKey.id);
    expect(await keys.revoke(apiKey.id, { as: await token({ sub: 'admin-b' }) })).toEqual(first);
    const { apiKey: later } = await keys.newKey();
    await eventsOf(service, { resourceId: later.id });
    expect(await eventsOf(service, { resourceId: apiKey.id }, 2)).toHaveLength(2);
  });

  it('is revoked once, by one of two admins at the same time', async () => {
    const { apiKey } = await keys.newKey();
    const admins = await Promise.all(['x', 'y', 'z'].map((sub) => token({ sub })));
    const results = await Promise.all(admins.map((as) => keys.revoke(apiKey.id, { as })));
    expect(new Set(results.map(({ revokedBy }) => revokedBy)).size).toBe(1);
    const { apiKey: later } = await keys.newKey();
    await eventsOf(service, { resourceId: later.id });
    expect(await eventsOf(service, { resourceId: apiKey.id, types: ['API_KEY_REVOKED'] })).toHaveLength(1);
  });

  it('that does not exist cannot be revoked, and an id that is none is a ValidationError', async () => {
    const id = '01a1f982-b765-7234-9c18-c6bbea276b36';
    expect(await keys.revoke(id)).toMatchObject({ __typename: 'ApiKeyNotFoundError', code: 'API_KEY_NOT_FOUND' });
    expect(await keys.revoke('billing')).toMatchObject({ __typename: 'ValidationError', issues: [{ path: ['id'] }] });
  });
});

describe('the list of keys', () => {
  it('is newest first, in pages', async () => {
    for (const name of ['older', 'newer', 'newest']) await keys.newKey({ name });
    const first = await keys.list('first: 2');
    expect(first.keys.map(({ name }) => name)).toEqual(['newest', 'newer']);
    const second = await keys.list(`first: 1, after: "${first.pageInfo.endCursor}"`);
    expect(second.keys.map(({ name }) => name)).toEqual(['older']);
    const { totalCount } = first;
    const everything = await keys.list('first: 200');
    expect(everything.keys).toHaveLength(totalCount);
    expect((await keys.list('last: 1')).keys).toEqual(everything.keys.slice(-1));
  });

  it.each(['bm9uZQ', Buffer.from('apiKey:1').toString('base64url')])('refuses %s, which is no cursor of it', async (cursor) => {
    const { status, errors } = await service.gql(`{ apiKeys(after: "${cursor}") { totalCount } }`);
    expect([status, errors?.[0]?.extensions?.code]).toEqual([400, 'BAD_USER_INPUT']);
  });
});

it.each(['auditor', 'audit-writer'])('the group %s can neither list, create nor revoke keys', async (group) => {
  const as = await token({ groups: [group] });
  for (const operation of [
    '{ apiKeys { totalCount } }',
    'mutation { createApiKey(input: { name: "x" }) { __typename } }',
    'mutation { revokeApiKey(input: { id: "01a1f982-b765-7234-9c18-c6bbea276b36" }) { __typename } }',
  ]) {
    expect((await service.gql(operation, {}, { as })).status).toBe(403);
  }
});
