import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ValidationError } from '../../kernel/errors.ts';
import { formatApiKey, isApiKey, newApiKey, prefixOf } from './api-key.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest();
const now = new Date('2026-01-01T00:00:00Z');
const facts = { id: '01a1f982-b765-7234-9c18-c6bbea276b36', prefix: 'ftk_abcdefgh', createdBy: 'admin-a', now };

describe('a key', () => {
  it('holds all 32 random bytes, after a prefix that follows from their hash', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
    const key = formatApiKey(bytes, sha256);
    const secret = Buffer.from(bytes).toString('base64url');
    expect(key).toBe(`ftk_${sha256(secret).toString('base64url').slice(0, 8)}_${secret}`);
    expect(key).toHaveLength(56);
    expect(isApiKey(key)).toBe(true);
    expect(prefixOf(key)).toBe(key.slice(0, 12));
  });

  it('has the form of a key whatever the bytes are', () => {
    for (let round = 0; round < 200; round++) expect(prefixOf(formatApiKey(randomBytes(32), sha256))).not.toBeNull();
  });

  it('is made of 32 bytes, no more and no fewer', () => {
    expect(() => formatApiKey(randomBytes(16), sha256)).toThrow(RangeError);
    expect(() => formatApiKey(randomBytes(33), sha256)).toThrow(RangeError);
  });

  it.each([
    'ftk_',
    'ftk_abcdefgh',
    `ftk_abcdefgh_${'x'.repeat(42)}`,
    `ftk_abcdefgh_${'x'.repeat(44)}`,
    `ftk_abcdefg!_${'x'.repeat(43)}`,
  ])('%s has not the form of one', (key) => expect(prefixOf(key)).toBeNull());

  it('is told from a JWT', () => expect(isApiKey('eyJhbGciOiJIUzI1NiJ9.e30.c2ln')).toBe(false));
});

describe('a new key', () => {
  it('writes audit events and never expires, unless it is told otherwise', () => {
    expect(newApiKey({ name: 'x' }, facts)).toMatchObject({
      roles: ['AUDIT_WRITER'],
      expiresAt: null,
      lastUsedAt: null,
      revokedAt: null,
    });
    expect(newApiKey({ name: 'x', roles: null, expiresAt: null }, facts)).toMatchObject({
      roles: ['AUDIT_WRITER'],
      expiresAt: null,
    });
  });

  it('expires after now, not now', () => {
    expect(() => newApiKey({ name: 'x', expiresAt: now }, facts)).toThrow(ValidationError);
    const expiresAt = new Date(now.getTime() + 1);
    expect(newApiKey({ name: 'x', expiresAt }, facts).expiresAt).toEqual(expiresAt);
  });
});
