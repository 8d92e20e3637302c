import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthenticate } from '../src/access/jwt/authenticate.ts';
import { openVerificationKeys } from '../src/access/jwt/open-keys.ts';
import { readConfig } from '../src/config/config.ts';
import { logKey } from './support/log-key.ts';
import { type IdentityProvider, startIdentityProvider } from './support/oidc.ts';

/** Tokens that a real identity provider issues, verified through the keys that it publishes over HTTP. */

/** As the service starts with these settings. */
const startAuthentication = async (idp: IdentityProvider, variables: Record<string, string> = {}) => {
  const config = readConfig({
    NODE_ENV: 'production',
    LOG_SIGNING_KEY: logKey,
    DATABASE_URL: 'postgres://db.example/flagtrail',
    AUTH_JWKS_URL: idp.jwksUrl,
    AUTH_ISSUER: idp.issuer,
    AUTH_AUDIENCE: idp.audience,
    ...variables,
  });
  if (!config.auth) throw new Error('no authentication');
  const ahead = { ms: 0 };
  const clock = { now: () => new Date(Date.now() + ahead.ms) };
  const logger = { warn: () => {} };
  const keys = await openVerificationKeys(config.auth.keys, { dataDir: config.dataDir, clock, logger });
  const { issuer, audience } = config.auth;
  const authenticate = makeAuthenticate({ keys, issuer, audience, groups: config.groups, clock, logger });
  const advance = (seconds: number) => {
    ahead.ms += seconds * 1000;
  };
  return { authenticate, advance };
};

describe('a token of the identity provider', () => {
  let idp: IdentityProvider;
  let authenticate: Awaited<ReturnType<typeof startAuthentication>>['authenticate'];
  beforeAll(async () => {
    idp = await startIdentityProvider();
    ({ authenticate } = await startAuthentication(idp));
  });
  afterAll(() => idp[Symbol.asyncDispose]());

  it('tells who its user is', async () => {
    const token = await idp.token({ sub: 'alice', email: 'alice@example.com', name: 'Alice', groups: ['admin'] });
    expect(await authenticate(token)).toEqual({
      actor: { type: 'USER', id: 'alice', name: 'Alice', email: 'alice@example.com' },
      userId: 'alice',
      roles: ['ADMIN'],
      sessionId: null,
      expiresAt: expect.any(Date),
      apiKeyId: null,
    });
  });

  it('of its client credentials grant is a service account', async () => {
    expect(await authenticate(await idp.serviceToken({ groups: ['audit-writer'] }))).toMatchObject({
      actor: { type: 'SERVICE_ACCOUNT', id: idp.clientId },
      roles: ['AUDIT_WRITER'],
    });
  });

  it('without subject and email is accepted as the actor unknown', async () => {
    expect(await authenticate(await idp.token({ sub: null, groups: ['admin'] }))).toMatchObject({
      actor: { id: 'unknown', email: null },
      userId: null,
    });
  });

  it('of a wrong group has no role', async () => {
    expect(await authenticate(await idp.token({ groups: ['marketing'] }))).toMatchObject({ roles: [] });
  });

  it('gives roles by the groups of the settings', async () => {
    const renamed = await startAuthentication(idp, { AUTH_AUDITOR_GROUPS: 'marketing' });
    expect(await renamed.authenticate(await idp.token({ groups: ['marketing', 'auditor'] }))).toMatchObject({
      roles: ['AUDITOR'],
    });
  });

  it('that expired is told apart, so that its sender comes back with a fresh one', async () => {
    await expect(authenticate(await idp.token({ expiresInSeconds: -3 }))).rejects.toMatchObject({
      name: 'AuthenticationError',
      expired: true,
    });
  });

  it('that names another issuer is refused', async () => {
    await expect(authenticate(await idp.token({ issuer: 'https://other.example' }))).rejects.toThrow('another issuer');
  });

  it('for another audience is refused', async () => {
    await expect(authenticate(await idp.token({ audience: 'https://other.example' }))).rejects.toThrow('another audience');
  });

  it('of another provider that claims to be this one is refused', async () => {
    await using impostor = await startIdentityProvider();
    await expect(authenticate(await impostor.token({ issuer: idp.issuer }))).rejects.toMatchObject({
      name: 'AuthenticationError',
      expired: false,
    });
  });
});

describe('an identity provider', () => {
  it('that rotates its keys is followed without a restart', async () => {
    await using idp = await startIdentityProvider();
    const { authenticate, advance } = await startAuthentication(idp);
    const before = await idp.token({ sub: 'before' });
    await authenticate(await idp.token());
    await idp.rotateKeys();
    advance(5);
    expect((await authenticate(await idp.token({ sub: 'after' }))).userId).toBe('after');
    expect((await authenticate(before)).userId).toBe('before');
    expect(idp.jwks.requests).toBe(2);
  });

  it('whose old key is withdrawn takes its tokens with it', async () => {
    await using idp = await startIdentityProvider();
    const { authenticate, advance } = await startAuthentication(idp);
    const before = await idp.token();
    await authenticate(await idp.token());
    await idp.rotateKeys({ withdrawOld: true });
    advance(5);
    await authenticate(await idp.token());
    await expect(authenticate(before)).rejects.toThrow('unknown key');
  });

  it('that is down keeps nobody out whose key is known, and blames no token for a key that is not', async () => {
    await using idp = await startIdentityProvider();
    const { authenticate, advance } = await startAuthentication(idp);
    const token = await idp.token({ sub: 'alice', expiresInSeconds: 7200 });
    await authenticate(await idp.token());
    await idp.rotateKeys();
    const unknown = await idp.token({ sub: 'bob', expiresInSeconds: 7200 });
    idp.jwks.answer = 'error';
    advance(3600);
    expect((await authenticate(token)).userId).toBe('alice');
    await expect(authenticate(unknown)).rejects.toMatchObject({ name: 'AuthenticationUnavailableError' });
    idp.jwks.answer = 'keys';
    advance(5);
    expect((await authenticate(unknown)).userId).toBe('bob');
  });

  it('that is gone when the service starts is a passing trouble, not a bad token', async () => {
    const idp = await startIdentityProvider();
    const token = await idp.token();
    await idp[Symbol.asyncDispose]();
    const { authenticate } = await startAuthentication(idp);
    await expect(authenticate(token)).rejects.toMatchObject({ name: 'AuthenticationUnavailableError' });
  });
});
