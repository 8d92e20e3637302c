import { describe, expect, it } from 'vitest';
import type { Identity } from './actor.ts';
import { actingFor, OnBehalfOfError } from './on-behalf-of.ts';

const key: Identity = {
  actor: { type: 'API', id: 'key-1', name: 'billing', email: null },
  userId: 'key-1',
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: 'key-1',
};
const person: Identity = { ...key, actor: { type: 'USER', id: 'ada', name: 'Ada', email: null }, userId: 'ada', apiKeyId: null };

describe('acting for a person', () => {
  it('makes them the actor and keeps the roles, and the key that vouches for it', () => {
    const actor = { type: 'USER', id: 'grace', name: null, email: null };
    expect(actingFor(key, 'grace')).toEqual({ ...key, actor, userId: 'grace' });
  });

  it.each([undefined, null])('is not asked for with %s: the identity stays what it is', (nobody) => {
    expect(actingFor(key, nobody)).toBe(key);
    expect(actingFor(person, nobody)).toBe(person);
  });

  it('takes 255 characters, as people count them', () => {
    expect(actingFor(key, '😀'.repeat(255)).userId).toBe('😀'.repeat(255));
  });

  it.each([
    ['256 characters', 'x'.repeat(256)],
    ['no text', 7],
    ['a list', ['grace', 'ada']],
    ['nothing', ''],
    ['NUL', 'gra\0ce'],
    ['a lone surrogate', 'gra\ud800ce'],
  ])('refuses %s', (_what, userId) => expect(() => actingFor(key, userId)).toThrow(OnBehalfOfError));

  it.each(['grace', 'ada', ''])('is refused to a JWT, whoever is named: "%s"', (userId) => {
    expect(() => actingFor(person, userId)).toThrow(/only an API key/);
  });
});
