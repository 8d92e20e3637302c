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
    expect(identity({ sub: 'alice', client_id: 'billing' }).actor.type).toBe('USER');
    expect(identity({ client_id: 'billing' }).actor).toMatchObject({ type: 'USER', id: 'unknown' });
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
