import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { CompactSign, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  audience,
  goodClaims,
  issuer,
  refusalOf,
  secret,
  setUp,
  sign,
  start,
  startSeconds,
} from '../../../test/support/authentication.ts';
import { mintToken } from './mint-token.ts';
import { secretKey } from './verification-keys.ts';

describe('a token', () => {
  it('tells who its bearer is', async () => {
    const token = await mintToken({
      secret,
      issuer,
      audience,
      subject: 'alice',
      email: 'alice@example.com',
      name: 'Alice',
      groups: ['auditor', 'audit-writer', 'staff'],
      lifetimeMs: 60_000,
      now: start,
    });
    expect(await setUp().authenticate(token)).toEqual({
      actor: { type: 'USER', id: 'alice', name: 'Alice', email: 'alice@example.com' },
      userId: 'alice',
      roles: ['AUDITOR', 'AUDIT_WRITER'],
      sessionId: null,
      expiresAt: new Date(start.getTime() + 60_000),
      apiKeyId: null,
    });
  });

  it.each([
    ['of another issuer', { iss: 'https://evil.example' }, 'another issuer'],
    ['without issuer', { iss: undefined }, 'no "iss"'],
    ['for another audience', { aud: ['other', 'flagtrail.evil'] }, 'another audience'],
    ['without audience', { aud: undefined }, 'no "aud"'],
    ['that is not valid yet', { nbf: startSeconds + 3 }, 'not valid yet'],
    ['whose expiry is text', { exp: 'never' as unknown as number }, '"exp" is malformed'],
    ['whose subject is a number', { sub: 7 as unknown as string }, '"sub" is not text'],
    ['whose subject is too long', { sub: 's'.repeat(256) }, 'more than 255 characters'],
  ])('%s is refused', async (_, claims, message) => {
    const refusal = await refusalOf(setUp().authenticate(await sign({ ...goodClaims, ...claims })));
    expect(refusal.message).toContain(message);
    expect(refusal.expired).toBe(false);
  });

  it('is good until two seconds after its expiry, from two seconds before its beginning', async () => {
    const token = await sign({ ...goodClaims, nbf: startSeconds + 2, exp: startSeconds + 100 });
    const { authenticate, advance } = setUp();
    await authenticate(token);
    advance(101.9);
    expect((await authenticate(token)).expiresAt).toEqual(new Date((startSeconds + 100) * 1000));
    advance(0.1);
    expect(await refusalOf(authenticate(token))).toMatchObject({ expired: true, message: 'the token has expired' });
  });

  it('that is expired and forged is not called expired', async () => {
    const forged = await sign({ ...goodClaims, exp: 1 }, { key: createSecretKey(Buffer.alloc(32)) });
    expect(await refusalOf(setUp().authenticate(forged))).toMatchObject({
      expired: false,
      message: "the token's signature does not match",
    });
  });

  it('of a shared secret may have no expiry, and one that no date can hold counts as the last instant', async () => {
    expect((await setUp().authenticate(await sign({ ...goodClaims, exp: undefined }))).expiresAt).toBeNull();
    expect((await setUp().authenticate(await sign({ ...goodClaims, exp: 1e300 }))).expiresAt).toEqual(new Date(8.64e15));
  });

  it('whose payload or signature was touched is refused', async () => {
    const [header, , signature] = (await sign(goodClaims)).split('.');
    const payload = Buffer.from(JSON.stringify({ ...goodClaims, sub: 'mallory' })).toString('base64url');
    expect((await refusalOf(setUp().authenticate(`${header}.${payload}.${signature}`))).message).toContain('signature');
  });

  it('that is too long is not even read', async () => {
    const { authenticate } = setUp();
    const token = await sign({ ...goodClaims, padding: 'x'.repeat(16 * 1024) });
    expect((await refusalOf(authenticate(token))).message).toBe('the token is longer than 16384 characters');
  });

  it('that is none is refused, whatever it is, without being quoted', async () => {
    const { authenticate } = setUp();
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc.string(),
    );
    const texts = fc.oneof(
      anyText,
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const { message } = await refusalOf(authenticate(text));
        if (text.length > 20) expect(message).not.toContain(text);
      }),
    );
  });

  it('whose payload is no JSON object is refused', async () => {
    for (const payload of ['[]', '1', 'null', '{', '"x"']) {
      const token = await new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg: 'HS256' }).sign(secret);
      expect((await refusalOf(setUp().authenticate(token))).message).toBe('the token is not a well-formed JWT');
    }
  });
});

describe('the kind of a token, by its header "typ",', () => {
  const signAs = (typ: unknown) => new SignJWT(goodClaims).setProtectedHeader({ alg: 'HS256', typ: typ as string }).sign(secret);

  it.each([undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/jwt', 'application/at+jwt'])(
    'may be that of an access token: %s',
    async (typ) => {
      expect((await setUp().authenticate(await signAs(typ))).userId).toBe('alice');
    },
  );

  it.each(['logout+jwt', 'dpop+jwt', 'secevent+jwt', 'JWE', 'jwt2', 'at+jwt2', 'text/jwt', '', 7, null])(
    'must not be another: %j',
    async (typ) => {
      const { message, expired } = await refusalOf(setUp().authenticate(await signAs(typ)));
      expect({ message, expired }).toEqual({
        message: 'the token is not an access token: its "typ" must be JWT or at+jwt, or absent',
        expired: false,
      });
    },
  );
});

describe('a token without a subject', () => {
  it('is the actor unknown, with a warning in the log, at most once a minute', async () => {
    const { authenticate, warnings, advance } = setUp();
    for (const jti of ['1', '2', '3']) {
      const identity = await authenticate(await sign({ ...goodClaims, sub: undefined, jti }));
      expect(identity).toMatchObject({ userId: null, actor: { id: 'unknown' }, roles: ['ADMIN'] });
    }
    expect(warnings).toMatchObject([{ details: { issuer, tokens: 1 }, message: expect.stringContaining('without "sub"') }]);
    advance(60);
    await authenticate(await sign({ ...goodClaims, sub: '', jti: '4' }));
    expect(warnings).toMatchObject([{}, { details: { tokens: 3 } }]);
  });
});

describe('a token that was verified a moment ago', () => {
  /** Counts how often a signature is verified. */
  const counted = () => {
    const count = { verified: 0 };
    const { algorithms, expiryRequired } = secretKey(secret);
    const key = async () => {
      count.verified += 1;
      return crypto.subtle.importKey('raw', new Uint8Array(secret.export()), { name: 'HMAC', hash: 'SHA-256' }, false, [
        'verify',
      ]);
    };
    return { ...setUp({ algorithms, expiryRequired, key }), count };
  };

  it('is not verified again for 30 s', async () => {
    const { authenticate, advance, count } = counted();
    const token = await sign(goodClaims);
    const first = await authenticate(token);
    advance(29);
    expect(await authenticate(token)).toEqual(first);
    expect(count.verified).toBe(1);
    advance(1);
    await authenticate(token);
    expect(count.verified).toBe(2);
  });

  it('is not remembered beyond its expiry', async () => {
    const { authenticate, advance } = counted();
    const token = await sign({ ...goodClaims, exp: startSeconds + 5 });
    await authenticate(token);
    advance(7);
    expect((await refusalOf(authenticate(token))).expired).toBe(true);
  });

  it('gives nothing to a token that only resembles it, nor does a refused one', async () => {
    const { authenticate, count } = counted();
    const token = await sign(goodClaims);
    await authenticate(token);
    const forged = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    await refusalOf(authenticate(forged));
    await refusalOf(authenticate(forged));
    expect(count.verified).toBe(3);
  });

  it('is forgotten for newer ones, beyond a thousand', async () => {
    const { authenticate, count } = counted();
    const tokens = await Promise.all(Array.from({ length: 1_001 }, (_, n) => sign({ ...goodClaims, jti: String(n) })));
    for (const token of tokens) await authenticate(token);
    await authenticate(tokens[1_000] ?? '');
    expect(count.verified).toBe(1_001);
    await authenticate(tokens[0] ?? '');
    expect(count.verified).toBe(1_002);
  });
});
