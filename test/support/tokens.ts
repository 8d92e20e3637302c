import { mintToken } from '../../src/access/jwt/mint-token.ts';
import { secretOf } from './raw-http.ts';

const secret = 'a secret of processes of their own, longer than 32 bytes';

/** Settings of a process that accepts the tokens of `mintTestToken`. */
export const testAuthentication = {
  AUTH_SECRET: secret,
  AUTH_ISSUER: 'https://issuer.example',
  AUTH_AUDIENCE: 'flagtrail',
} as const;

/** A token for such a process; an admin's by default. */
export const mintTestToken = ({ groups = ['admin'] }: { groups?: readonly string[] } = {}) =>
  mintToken({
    secret: secretOf(secret),
    issuer: testAuthentication.AUTH_ISSUER,
    audience: testAuthentication.AUTH_AUDIENCE,
    subject: 'ada',
    groups,
    lifetimeMs: 3_600_000,
    now: new Date(),
  });
