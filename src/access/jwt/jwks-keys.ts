import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import { AuthenticationUnavailableError } from '../model/authenticator.ts';
import { makeBoundedFetch } from './bounded-fetch.ts';
import { withUsableKeys } from './usable-keys.ts';
import type { VerificationKeys } from './verification-keys.ts';

/** Public-key signatures that jose verifies everywhere. Which of them a token may use, its key in the set decides. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

/** Bytes of a key set: the largest providers publish some 20 KiB. */
const maxJwksBytes = 1024 * 1024;

type Warn = (details: object, message: string) => void;
type Options = {
  url: URL;
  clock: Clock;
  logger: { warn: Warn };
  /** How long one fetch may take, in milliseconds. */
  timeoutMs?: number;
  /** Age at which the keys are fetched again, so that a key that was withdrawn stops being accepted. */
  maxAgeMs?: number;
  /** Least time between two fetches: an unknown key id, which anybody can make up, causes no more than that. */
  pauseMs?: number;
};

/**
 * Keys that an identity provider publishes as a JSON Web Key Set (RFC 7517). They are fetched when they are first needed,
 * when a token names a key that is not among them (rotation), and when they are old. While the provider is out of reach,
 * known keys go on being accepted; a token of an unknown key then gets an AuthenticationUnavailableError, as does every token
 * before the first fetch succeeds.
 */
export const jwksKeys = ({
  url,
  clock,
  logger,
  timeoutMs = 5_000,
  maxAgeMs = 600_000,
  pauseMs = 5_000,
}: Options): VerificationKeys => {
  // jose fetches, parses, and picks the key. When to fetch is decided here: its own cache forgets every key when it is old
  // and the provider is down, and retries a failed fetch for each token.
  const keySet = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cooldownDuration: Number.POSITIVE_INFINITY,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: withUsableKeys(makeBoundedFetch(maxJwksBytes), { algorithms, logger }),
  });
  const nowMs = () => clock.now().getTime();
  let loadedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let failure: unknown = null;
  let fetching: Promise<void> | null = null;

  const load = async () => {
    try {
      await keySet.reload();
      loadedAtMs = nowMs();
      failure = null;
    } catch (error) {
      failure = error;
      logger.warn({ err: error, jwksUrl: url.href }, "the identity provider's keys could not be fetched");
    } finally {
      fetching = null;
    }
  };
  /** One fetch at a time, and none within the pause after the last began. Never rejects: `failure` tells. */
  const refresh = (): Promise<void> => {
    if (fetching) return fetching;
    if (nowMs() - triedAtMs < pauseMs) return Promise.resolve();
    triedAtMs = nowMs();
    fetching = load();
    return fetching;
  };

  const key: JWTVerifyGetKey<Awaited<ReturnType<typeof keySet>>> = async (header, token) => {
    if (nowMs() - loadedAtMs >= maxAgeMs) {
      // With keys at hand only the first request of an outage waits for the fetch to fail.
      const refreshed = refresh();
      if (!keySet.jwks() || failure === null) await refreshed;
    }
    if (!keySet.jwks()) throw new AuthenticationUnavailableError(failure);
    try {
      return await keySet(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await refresh();
    try {
      return await keySet(header, token);
    } catch (error) {
      // The key may be a new one that could not be fetched: the token is not to blame.
      if (error instanceof errors.JWKSNoMatchingKey && failure !== null) throw new AuthenticationUnavailableError(failure);
      throw error;
    }
  };
  return { algorithms, expiryRequired: true, key };
};
