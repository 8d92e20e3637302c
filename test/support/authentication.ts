import { createSecretKey, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import { expect } from 'vitest';
import { makeAuthenticate } from '../../src/access/jwt/authenticate.ts';
import { secretKey, type VerificationKeys } from '../../src/access/jwt/verification-keys.ts';
import { AuthenticationError } from '../../src/access/model/authenticator.ts';

export const secret = createSecretKey(Buffer.from('a secret that has at least 32 bytes'));
export const [issuer, audience] = ['https://id.example', 'flagtrail'];
export const start = new Date('2026-01-01T00:00:00Z');
export const startSeconds = start.getTime() / 1000;
/** Claims of a token that the authenticator of `setUp` accepts. */
export const goodClaims = { iss: issuer, aud: audience, sub: 'alice', groups: ['admin'], exp: startSeconds + 3600 };

/** An authenticator whose clock only moves when the test moves it. */
export const setUp = (keys: VerificationKeys = secretKey(secret)) => {
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
export const sign = (claims: JWTPayload, { alg = 'HS256', key = secret }: { alg?: string; key?: KeyObject } = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
/** The AuthenticationError that the promise rejects with. */
export const refusalOf = (promise: Promise<unknown>): Promise<AuthenticationError> =>
  promise.then(
    () => expect.unreachable('the token was accepted'),
    (error) => {
      expect(error).toBeInstanceOf(AuthenticationError);
      return error;
    },
  );
