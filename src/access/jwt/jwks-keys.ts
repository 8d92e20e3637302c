import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import { AuthenticationUnavailableError } from '../model/authenticator.ts';
import { makeBoundedFetch } from './bounded-fetch.ts';
import { withUsableKeys } from './usable-keys.ts';
import type { VerificationKeys } from './verification-keys.ts';

/** Public-key signatures that jose verifies on every runtime. The key in the set decides which of them a token can use. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

/** The most bytes of a key set; the largest providers publish some 20 KiB. */
const maxJwksBytes = 1024 * 1024;

type Warn = (details: object, message: string) => void;
type Options = {
  url: URL;
  clock: Clock;
  logger: { warn: Warn };
  /** How long one fetch may take, in milliseconds. */
  timeoutMs?: number;
  /** At this age the keys are fetched again, so that a withdrawn key stops being accepted. */
  maxAgeMs?: number;
  /** The least time between two fetches. Anybody can make up an unknown key id, so it must not cause more fetches than that. */
  pauseMs?: number;
};

/**
 * Keys that an identity provider publishes as a JSON Web Key Set (RFC 7517). They are fetched when they are first needed, when a
 * token names an unknown key (rotation), and when they are old. While the provider cannot be reached, known keys are still
 * accepted; a token with an unknown key gets an AuthenticationUnavailableError, as does every token before the first successful
 * fetch.
 */
export const jwksKeys = ({
  url,
  clock,
  logger,
  timeoutMs = 5_000,
  maxAgeMs = 600_000,
  pauseMs = 5_000,
}: Options): VerificationKeys => {
  // jose fetches and parses the keys, and picks one; this code decides when to fetch. jose's own cache forgets every key when it
  // is old and the provider is down, and repeats a failed fetch for each token.
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
  /** Runs one fetch at a time, and none within the pause after the last one began. Never rejects: `failure` has the error. */
  const refresh = (): Promise<void> => {
    if (fetching) return fetching;
    if (nowMs() - triedAtMs < pauseMs) return Promise.resolve();
    triedAtMs = nowMs();
    fetching = load();
    return fetching;
  };

  const key: JWTVerifyGetKey<Awaited<ReturnType<typeof keySet>>> = async (header, token) => {
    if (nowMs() - loadedAtMs >= maxAgeMs) {
      // If keys are known, only the first request of an outage waits for the fetch to fail.
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
      // It may be a new key that could not be fetched, so the token is not to blame.
      if (error instanceof errors.JWKSNoMatchingKey && failure !== null) throw new AuthenticationUnavailableError(failure);
      throw error;
    }
  };
  return { algorithms, expiryRequired: true, key };
};
