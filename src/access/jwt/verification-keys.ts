import type { KeyObject } from 'node:crypto';
import type { CryptoKey, JWTVerifyGetKey } from 'jose';

/** What signatures are verified with. */
export type VerificationKeys = {
  /** The only algorithms accepted; they fit the keys, so that a public key is never taken for a shared secret, nor `none` for anything. */
  readonly algorithms: readonly string[];
  /** Whether a token must expire. */
  readonly expiryRequired: boolean;
  readonly key: KeyObject | JWTVerifyGetKey<CryptoKey>;
};

/** One public key, from an identity provider. */
export const publicKeyOf = ({ key, algorithms }: { key: KeyObject; algorithms: readonly string[] }): VerificationKeys => ({
  algorithms,
  expiryRequired: true,
  key,
});

/**
 * A shared secret. A hash longer than the secret is refused (RFC 7518 section 3.2). Tokens may lack an expiry: who holds the
 * secret could write any, so to demand one would protect nothing.
 */
export const secretKey = (secret: KeyObject): VerificationKeys => {
  const bytes = secret.symmetricKeySize ?? 0;
  const algorithms = ['HS256', ...(bytes >= 48 ? ['HS384'] : []), ...(bytes >= 64 ? ['HS512'] : [])];
  return { algorithms, expiryRequired: false, key: secret };
};
