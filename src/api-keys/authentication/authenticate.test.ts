import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { refusalOf } from '../../../test/support/authentication.ts';
import { DatabaseUnavailableError } from '../../kernel/database-unavailable.ts';
import { type ApiKey, formatApiKey, prefixOf } from '../model/api-key.ts';
import { makeAuthenticateByKey, makeAuthenticateEither } from './authenticate.ts';
import { sha256 } from './sha256.ts';

const start = new Date('2026-01-01T00:00:00Z');
const secret = formatApiKey(randomBytes(32), sha256);
const minuteMs = 60_000;

/** An authenticator over one key, whose clock and store only the test moves. */
const setUp = (fields: Partial<ApiKey> = {}) => {
  const apiKey: ApiKey = {
    id: 'key-1',
    name: 'billing',
    prefix: prefixOf(secret) ?? '',
    roles: ['AUDITOR'],
    createdAt: start,
    createdBy: null,
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
    revokedBy: null,
    ...fields,
  };
  let now = start;
  const findByPrefix = vi.fn(async (prefix: string) => (prefix === apiKey.prefix ? { apiKey, hash: sha256(secret) } : null));
  const markUsed = vi.fn(async (_ids: readonly string[], _usedAt: Date, _toleranceMs: number) => {});
  const logger = { warn: vi.fn() };
  const authenticate = makeAuthenticateByKey({ keys: { findByPrefix, markUsed }, clock: { now: () => now }, logger });
  const advance = (ms: number) => {
    now = new Date(now.getTime() + ms);
  };
  return { apiKey, authenticate, findByPrefix, markUsed, logger, advance };
};

describe('an API key', () => {
  it('speaks for itself: its id is the actor and the userId, its name the name', async () => {
    const expiresAt = new Date(start.getTime() + minuteMs);
    expect(await setUp({ expiresAt }).authenticate(secret)).toEqual({
      actor: { type: 'API', id: 'key-1', name: 'billing', email: null },
      userId: 'key-1',
      roles: ['AUDITOR'],
      sessionId: null,
      expiresAt,
      apiKeyId: 'key-1',
    });
  });

  const other = `${secret.slice(0, 13)}${Buffer.alloc(32).toString('base64url')}`;
  it.each([
    ['of another secret behind the same prefix', other, {}, /API key is unknown/],
    ['that nobody has', formatApiKey(randomBytes(32), sha256), {}, /API key is unknown/],
    ['that was revoked', secret, { revokedAt: start }, /was revoked/],
    ['that has expired this very moment', secret, { expiresAt: start }, /has expired/],
  ])('%s is refused, and says why', async (_what, key, fields, message) => {
    const { authenticate, markUsed } = setUp(fields);
    const refusal = await refusalOf(authenticate(key));
    expect(refusal.message).toMatch(message);
    expect(refusal.message).not.toContain(key);
    expect(refusal.expired).toBe(/expired/.test(message.source));
    expect(markUsed).not.toHaveBeenCalled();
  });

  it('of another secret does not hear whether the key behind the prefix was revoked', async () => {
    expect((await refusalOf(setUp({ revokedAt: start }).authenticate(other))).message).toMatch(/is unknown/);
  });

  it('that is cut off is refused without a look into the database', async () => {
    const { authenticate, findByPrefix } = setUp();
    expect((await refusalOf(authenticate(secret.slice(0, -1)))).message).toMatch(/incomplete or mistyped/);
    expect(findByPrefix).not.toHaveBeenCalled();
  });

  it('cannot be judged without the database: nothing is said against it', async () => {
    const { authenticate, findByPrefix, logger } = setUp();
    findByPrefix.mockRejectedValue(new Error('connection refused'));
    await expect(authenticate(secret)).rejects.toBeInstanceOf(DatabaseUnavailableError);
    expect(JSON.stringify(logger.warn.mock.calls)).not.toContain(secret.slice(13));
  });
});

describe('the last use of a key', () => {
  it('is noted at most once a minute, however often it is used', async () => {
    const { authenticate, markUsed, advance } = setUp();
    await Promise.all([authenticate(secret), authenticate(secret), authenticate(secret)]);
    advance(minuteMs - 1);
    await authenticate(secret);
    expect(markUsed.mock.calls).toEqual([[['key-1'], start, minuteMs]]);
    advance(1);
    await authenticate(secret);
    expect(markUsed).toHaveBeenCalledTimes(2);
  });

  it('that another process noted within the minute is not noted again', async () => {
    const { authenticate, markUsed } = setUp({ lastUsedAt: new Date(start.getTime() - minuteMs + 1) });
    await authenticate(secret);
    expect(markUsed).not.toHaveBeenCalled();
  });

  it('neither delays nor fails a request, and is tried again a minute later', async () => {
    const { authenticate, markUsed, logger, advance } = setUp();
    markUsed.mockReturnValueOnce(new Promise(() => {})).mockRejectedValueOnce(new Error('read-only'));
    await authenticate(secret);
    advance(minuteMs);
    await authenticate(secret);
    await vi.waitFor(() => expect(logger.warn).toHaveBeenCalledTimes(1));
    await authenticate(secret);
    expect(markUsed).toHaveBeenCalledTimes(2);
    advance(minuteMs);
    await authenticate(secret);
    expect(markUsed).toHaveBeenCalledTimes(3);
  });
});

it('a bearer token is taken for what it looks like', async () => {
  const byKey = vi.fn();
  const byJwt = vi.fn();
  const authenticate = makeAuthenticateEither({ byKey, byJwt });
  await authenticate('ftk_x');
  await authenticate('eyJ.e30.x');
  expect([byKey.mock.calls, byJwt.mock.calls]).toEqual([[['ftk_x']], [['eyJ.e30.x']]]);
});
