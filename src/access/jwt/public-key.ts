import { createPublicKey, type KeyObject } from 'node:crypto';

/** A key that verifies signatures, and the JWS algorithms that fit it (RFC 7518 section 3.1, RFC 8037, RFC 9864). */
export type PublicKey = { readonly key: KeyObject; readonly algorithms: readonly string[] };

/**
 * Reads a public key: PEM (SPKI; `\n` can stand for a line break, as in environment files) or a JWK in JSON. Throws an Error
 * whose message says what is wrong without quoting the key. A private key is refused, not reduced to its public half: it must not
 * be in this service's settings.
 */
export const parsePublicKey = (text: string): PublicKey => {
  const key = text.trimStart().startsWith('{') ? fromJwk(text) : fromPem(text.replaceAll('\\n', '\n'));
  return { key, algorithms: algorithmsFor(key) };
};

const fromPem = (pem: string): KeyObject => {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new Error('it is a private key');
  try {
    return createPublicKey({ key: pem.trim(), format: 'pem' });
  } catch {
    throw new Error('it cannot be read as PEM');
  }
};

const fromJwk = (json: string): KeyObject => {
  let jwk: Record<string, unknown>;
  try {
    jwk = JSON.parse(json);
  } catch {
    throw new Error('it is not valid JSON');
  }
  if (jwk.kty === 'oct') throw new Error('it is a shared secret: use AUTH_SECRET for that');
  if (jwk.d !== undefined || jwk.priv !== undefined) throw new Error('it is a private key');
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new Error('it cannot be read as a JWK');
  }
};

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const curveAlgorithms: Record<string, string> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

const algorithmsFor = (key: KeyObject): readonly string[] => {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if ((modulusLength ?? 0) < 2048) throw new Error('an RSA key needs at least 2048 bits');
      return rsaAlgorithms;
    case 'ec': {
      const algorithm = curveAlgorithms[namedCurve ?? ''];
      if (!algorithm) throw new Error('its curve is not P-256, P-384 or P-521');
      return [algorithm];
    }
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      throw new Error('its type is not RSA, EC or Ed25519');
  }
};
