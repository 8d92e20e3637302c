import type { JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { identityOf } from './claims.ts';

const roleGroups = { admin: ['admin', 'platform team'], auditor: ['auditor'], auditWriter: ['audit-writer'] };
const identity = (claims: JWTPayload) => identityOf(claims, roleGroups);

describe('the subject', () => {
  it('may have 255 characters, as PostgreSQL counts them', () => {
    expect(identity({ sub: '🚩'.repeat(255) }).userId).toBe('🚩'.repeat(255));
    expect(() => identity({ sub: '🚩'.repeat(256) })).toThrow('the token\'s "sub" has more than 255 characters');
  });

  it('has NUL and lone surrogates replaced', () => {
    expect(identity({ sub: 'a\0b\uD800' })).toMatchObject({ userId: 'a\uFFFDb\uFFFD', actor: { id: 'a\uFFFDb\uFFFD' } });
  });

  it('that is the client itself is a service account', () => {
    expect(identity({ sub: 'billing', client_id: 'billing' }).actor.type).toBe('SERVICE_ACCOUNT');
    expect(identity({ client_id: 'billing' }).actor).toMatchObject({ type: 'USER', id: 'unknown' });
  });
});

describe('the kind of actor, by the claims of', () => {
  const client = '3n4b5urk1ft4fl3mg5e62d9ado';
  const person = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
  const oid = '11111111-2222-3333-4444-555555555555';
  const issuedAt = { iat: 1, exp: 2, jti: 'j' };

  it.each<[string, JWTPayload]>([
    [
      'Cognito',
      { ...issuedAt, sub: client, client_id: client, token_use: 'access', scope: 'api/write', version: 2, auth_time: 1 },
    ],
    ['Auth0', { ...issuedAt, sub: `${client}@clients`, azp: client, gty: 'client-credentials', scope: 'write:events' }],
    ['Auth0 with its RFC 9068 profile', { ...issuedAt, sub: `${client}@clients`, client_id: client, scope: 'write:events' }],
    [
      'Keycloak',
      {
        ...{ ...issuedAt, sub: person, typ: 'Bearer', azp: 'Billing', acr: '1', scope: 'email profile', email_verified: false },
        ...{ clientHost: '10.0.0.1', client_id: 'Billing', preferred_username: 'service-account-billing' },
      },
    ],
    ['Entra, version 2', { ...issuedAt, sub: oid, oid, azp: client, azpacr: '1', tid: 't', roles: ['audit-writer'], ver: '2.0' }],
    ['Entra, version 1', { ...issuedAt, sub: oid, oid, appid: client, appidacr: '1', tid: 't', idtyp: 'app', ver: '1.0' }],
    ['Entra, with idtyp and no oid', { ...issuedAt, sub: 's', azp: client, idtyp: 'app' }],
    ['Okta', { ...issuedAt, sub: client, cid: client, scp: ['events'] }],
    ['another provider, which says client_id', { sub: 'ci-pipeline', client_id: 'billing' }],
    ['another provider, which says azp', { sub: 'ci-pipeline', azp: 'billing', scope: 'write:events' }],
  ])('%s: a client in its own name is a SERVICE_ACCOUNT', (_, claims) => {
    expect(identity(claims).actor).toMatchObject({ type: 'SERVICE_ACCOUNT', id: claims.sub });
  });

  it.each<[string, JWTPayload]>([
    ['Cognito', { ...issuedAt, sub: person, client_id: client, token_use: 'access', scope: 'openid', username: 'ada' }],
    [
      'Cognito, in an ID token',
      { ...issuedAt, sub: person, aud: client, token_use: 'id', 'cognito:username': 'ada', email: 'a@x' },
    ],
    ['Auth0', { ...issuedAt, sub: 'auth0|5a620d29a840', azp: client, scope: 'read:flags' }],
    ['Auth0 with its RFC 9068 profile', { ...issuedAt, sub: 'auth0|5a620d29a840', client_id: client, scope: 'openid' }],
    ['Keycloak', { ...issuedAt, sub: person, azp: 'billing', sid: 's', preferred_username: 'ada', email: 'ada@example.com' }],
    [
      'Keycloak, named like the account of another client',
      { sub: person, azp: 'billing', preferred_username: 'service-account-x' },
    ],
    ['Keycloak, with a lightweight token', { ...issuedAt, sub: person, azp: 'billing', sid: 's', scope: 'openid' }],
    [
      'Entra, version 2',
      { sub: 'pairwise', oid, azp: client, scp: 'Flags.Read', name: 'Ada', preferred_username: 'ada@example.com' },
    ],
    ['Entra, version 2, without names', { ...issuedAt, sub: 'pairwise', oid, azp: client, scp: 'Flags.Read' }],
    ['Entra, version 1', { ...issuedAt, sub: 'pairwise', oid, appid: client, scp: 'Flags.Read', upn: 'ada@example.com' }],
    ['Okta', { ...issuedAt, sub: 'ada@example.com', uid: '00u1', cid: client, scp: ['openid'] }],
    ['another provider, whose subject is an address', { sub: 'ada@example.com', client_id: 'billing' }],
    ['a provider that names no client', { sub: 'ada' }],
  ])('%s: a person who came through a client is a USER', (_, claims) => {
    expect(identity(claims).actor).toMatchObject({ type: 'USER', id: claims.sub });
  });
});

describe('name and email', () => {
  it('come from the first claim that has one', () => {
    const claims = { username: '', 'cognito:username': 'c', preferred_username: 'p', name: 'n' };
    expect(identity(claims).actor.name).toBe('c');
    expect(identity({ ...claims, username: 'u' }).actor.name).toBe('u');
    expect(identity({ preferred_username: 7, name: 'n' }).actor.name).toBe('n');
    expect(identity({}).actor).toEqual({ type: 'USER', id: 'unknown', name: null, email: null });
  });

  it('are made storable', () => {
    expect(identity({ email: 'a\0@example.com', name: 'n'.repeat(300), sid: 's\uDC00' })).toMatchObject({
      actor: { email: 'a\uFFFD@example.com', name: 'n'.repeat(255) },
      sessionId: 's\uFFFD',
    });
  });
});

describe('roles', () => {
  it.each<[string, JWTPayload, string[]]>([
    ['an array', { groups: ['auditor', 'staff'] }, ['AUDITOR']],
    ['an array whose group has a space', { roles: ['platform team'] }, ['ADMIN']],
    ['text with spaces and commas', { roles: 'staff, auditor audit-writer' }, ['AUDITOR', 'AUDIT_WRITER']],
    ['several claims', { groups: ['auditor'], 'cognito:groups': ['admin'] }, ['ADMIN', 'AUDITOR']],
    ['no claim', {}, []],
    ['another group', { groups: ['Admin', 'administrators', 'admin '] }, []],
    ['what is neither', { groups: { admin: true }, roles: [['admin'], 7, null] }, []],
  ])('come from %s', (_, claims, roles) => {
    expect(identity(claims).roles).toEqual(roles);
  });
});
