import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { CompactSign, type JWTPayload, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { AuthenticationError } from '../../ports/authenticator.ts';
import { makeAuthenticate } from './authenticate.ts';
import { mintToken } from './mint-token.ts';
import { parsePublicKey } from './public-key.ts';
import { publicKeyOf, secretKey, type VerificationKeys } from './verification-keys.ts';

const secret = createSecretKey(Buffer.from('a secret that has at least 32 bytes'));
const [issuer, audience] = ['https://id.example', 'flagtrail'];
const start = new Date('2026-01-01T00:00:00Z');
const startSeconds = start.getTime() / 1000;
const goodClaims = { iss: issuer, aud: audience, sub: 'alice', groups: ['admin'], exp: startSeconds + 3600 };

const setUp = (keys: VerificationKeys = secretKey(secret)) => {
  let now = start;
  const warnings: { details: object; message: string }[] = [];
  const authenticate = makeAuthenticate({
    keys,
    issuer,
    audience,
    groups: { admin: ['admin'], auditor: ['auditor'], auditWriter: ['audit-writer'] },
    clock: { now: () => now },
    logger: { warn: (details, message) => warnings.push({ details, message }) },
  });
  const advance = (seconds: number) => {
    now = new Date(now.getTime() + seconds * 1000);
  };
  return { authenticate, warnings, advance };
};
const sign = (claims: JWTPayload, { alg = 'HS256', key = secret }: { alg?: string; key?: KeyObject } = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
const refusalOf = (promise: Promise<unknown>): Promise<AuthenticationError> =>
  promise.then(
    () => expect.unreachable('the token was accepted'),
    (error) => {
      expect(error).toBeInstanceOf(AuthenticationError);
      return error;
    },
  );

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
      message: "the token's signature does not fit",
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
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc.string(),
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
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

describe('the algorithm', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

  it('none is never accepted', async () => {
    const token = `${encode({ alg: 'none' })}.${encode(goodClaims)}.`;
    for (const keys of [secretKey(secret), publicKeyOf(parsePublicKey(pem))]) {
      expect((await refusalOf(setUp(keys).authenticate(token))).message).toBe("the token's algorithm is not accepted");
    }
  });

  it('of a shared secret is not accepted with a public key: it would make the public key the secret', async () => {
    const input = `${encode({ alg: 'HS256' })}.${encode(goodClaims)}`;
    const { authenticate } = setUp(publicKeyOf(parsePublicKey(pem)));
    for (const form of [pem, pem.trim(), rsa.publicKey.export({ type: 'spki', format: 'der' })]) {
      const token = `${input}.${createHmac('sha256', form).update(input).digest('base64url')}`;
      expect((await refusalOf(authenticate(token))).message).toBe("the token's algorithm is not accepted");
    }
  });

  it('must not need a longer secret than there is', async () => {
    const long = createSecretKey(Buffer.alloc(64, 7));
    const token = await sign(goodClaims, { alg: 'HS512', key: long });
    expect((await setUp(secretKey(long)).authenticate(token)).userId).toBe('alice');
    expect((await refusalOf(setUp().authenticate(token))).message).toBe("the token's algorithm is not accepted");
  });

  it.each([
    ['RS256', rsa],
    ['PS512', rsa],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ])('%s is verified with a public key, given as PEM or JWK', async (alg, { publicKey, privateKey }) => {
    const token = await sign(goodClaims, { alg, key: privateKey });
    const forms = [
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
    ];
    for (const form of forms) {
      const { authenticate } = setUp(publicKeyOf(parsePublicKey(form)));
      expect((await authenticate(token)).userId).toBe('alice');
      const endless = await sign({ ...goodClaims, exp: undefined }, { alg, key: privateKey });
      expect((await refusalOf(authenticate(endless))).message).toBe('the token has no "exp"');
    }
  });
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
