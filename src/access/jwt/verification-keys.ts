import type { KeyObject } from 'node:crypto';
import type { CryptoKey, JWTVerifyGetKey } from 'jose';

/** What verifies signatures. */
export type VerificationKeys = {
  /**
   * The only algorithms that are accepted. They fit the keys, so that a public key is never used as a shared secret, and `none`
   * is never accepted.
   */
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
 * A shared secret. Algorithms whose hash is longer than the secret are refused (RFC 7518 section 3.2). Tokens need not expire:
 * whoever has the secret could write any expiry, so requiring one would protect nothing.
 */
export const secretKey = (secret: KeyObject): VerificationKeys => {
  const bytes = secret.symmetricKeySize ?? 0;
  const algorithms = ['HS256', ...(bytes >= 48 ? ['HS384'] : []), ...(bytes >= 64 ? ['HS512'] : [])];
  return { algorithms, expiryRequired: false, key: secret };
};
