import { type CryptoKey, type FetchImplementation, importJWK, type JWK } from 'jose';

const minRsaBits = 2048;
const algorithmsOfCurves: Record<string, string> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' };

type Options = {
  /**
   * The algorithms with which tokens can be signed. Keys for other algorithms are left alone, because no token can choose them.
   */
  algorithms: readonly string[];
  logger: { warn(details: object, message: string): void };
};

/**
 * Fetches a JSON Web Key Set without the keys that cannot verify anything: a key that is unreadable or too weak would otherwise
 * fail tokens that other keys could verify. Warns of each such key once, for as long as it is in the set.
 */
export const withUsableKeys = (fetch: FetchImplementation, { algorithms, logger }: Options): FetchImplementation => {
  let known = new Set<string>();
  return async (url, options) => {
    const response = await fetch(url, options);
    if (response.status !== 200) return response;
    const set: unknown = await response.json();
    if (!hasKeys(set)) return Response.json(set);
    const found = new Set<string>();
    const usable: unknown[] = [];
    for (const [index, key] of set.keys.entries()) {
      const problem = await problemOf(key, algorithms);
      if (problem === null) {
        usable.push(key);
        continue;
      }
      const kid = isObject(key) && typeof key.kid === 'string' ? key.kid.slice(0, 255) : null;
      const which = JSON.stringify([kid ?? index, problem]);
      if (!known.has(which)) {
        logger.warn({ jwksUrl: url, kid, index, problem }, "a key of the identity provider's cannot be used; the others are");
      }
      found.add(which);
    }
    known = found;
    return Response.json({ ...set, keys: usable });
  };
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasKeys = (set: unknown): set is { keys: unknown[] } => isObject(set) && Array.isArray(set.keys);

/** Why a key cannot be used; null if it can be used, or if no token would ask for it. */
const problemOf = async (key: unknown, algorithms: readonly string[]): Promise<string | null> => {
  if (!isObject(key)) return 'it is not a JSON object';
  if (key.use !== undefined && key.use !== 'sig') return null;
  const algorithm = key.alg ?? (key.kty === 'RSA' ? 'RS256' : algorithmsOfCurves[String(key.crv)]);
  if (typeof algorithm !== 'string' || !algorithms.includes(algorithm)) return null;
  const imported = await importJWK(key as JWK, algorithm).catch(() => null);
  if (imported === null || imported instanceof Uint8Array) return 'it cannot be read';
  if (imported.type !== 'public') return 'it is a private key';
  const { modulusLength } = imported.algorithm as CryptoKey['algorithm'] & { modulusLength?: number };
  if (modulusLength !== undefined && modulusLength < minRsaBits) {
    return `it has ${modulusLength} bits: an RSA key needs at least ${minRsaBits}`;
  }
  return null;
};
