import { timingSafeEqual } from 'node:crypto';
import { type Authenticate, AuthenticationError } from '../../access/model/authenticator.ts';
import type { Clock } from '../../kernel/clock.ts';
import { DatabaseUnavailableError } from '../../kernel/database-unavailable.ts';
import { OverShareError } from '../../kernel/limits/fair-queue.ts';
import type { ApiKeyStore } from '../commands/api-key-store.ts';
import { type ApiKey, isApiKey, prefixOf } from '../model/api-key.ts';
import { sha256 } from './sha256.ts';

type Logger = { warn(details: object, message: string): void };
type Deps = { keys: Pick<ApiKeyStore, 'findByPrefix' | 'markUsed'>; clock: Clock; logger: Logger };

/** How precisely the last use of a key is known, in milliseconds. */
export const usePauseMs = 60_000;
/** What an unknown key is compared with, so that it takes the same work as a known one. */
const noHash = new Uint8Array(32);

/**
 * Verifies API keys. Each request asks the database, so that a key is refused from the moment it is revoked. Throws an
 * AuthenticationError for a key that is not accepted, and a DatabaseUnavailableError if the database does not answer.
 */
export const makeAuthenticateByKey = ({ keys, clock, logger }: Deps): Authenticate => {
  const noteUse = makeNoteUse({ keys, logger });
  return async (bearerToken) => {
    const prefix = prefixOf(bearerToken);
    if (prefix === null) throw new AuthenticationError('the API key is incomplete or mistyped: an API key has 56 characters');
    const found = await keys.findByPrefix(prefix).catch((cause) => {
      if (cause instanceof OverShareError) throw cause;
      logger.warn({ err: cause }, 'API keys cannot be verified: the database does not answer');
      throw new DatabaseUnavailableError('API keys cannot be verified now: the database does not answer', cause);
    });
    const fits = timingSafeEqual(sha256(bearerToken), found?.hash ?? noHash);
    if (!found || !fits) throw new AuthenticationError('the API key is unknown');
    const { apiKey } = found;
    if (apiKey.revokedAt) throw new AuthenticationError('the API key was revoked');
    const now = clock.now();
    if (apiKey.expiresAt && apiKey.expiresAt <= now) throw new AuthenticationError('the API key has expired', { expired: true });
    noteUse(apiKey, now);
    return {
      actor: { type: 'API', id: apiKey.id, name: apiKey.name, email: null },
      userId: apiKey.id,
      roles: apiKey.roles,
      sessionId: null,
      expiresAt: apiKey.expiresAt,
      apiKeyId: apiKey.id,
    };
  };
};

/** Authenticates a bearer token as an API key if it looks like one, else as a JWT. */
export const makeAuthenticateEither =
  ({ byKey, byJwt }: { byKey: Authenticate; byJwt: Authenticate }): Authenticate =>
  (bearerToken) =>
    isApiKey(bearerToken) ? byKey(bearerToken) : byJwt(bearerToken);

/** Stores the last use of a key, at most once a minute and in the background: no request waits for it, or fails because of it. */
const makeNoteUse = ({ keys, logger }: Pick<Deps, 'keys' | 'logger'>) => {
  // One entry per key. People make keys, so there are few.
  const triedAtMs = new Map<string, number>();
  return ({ id, lastUsedAt }: ApiKey, now: Date): void => {
    const nowMs = now.getTime();
    const knownMs = Math.max(lastUsedAt?.getTime() ?? Number.NEGATIVE_INFINITY, triedAtMs.get(id) ?? Number.NEGATIVE_INFINITY);
    if (nowMs - knownMs < usePauseMs) return;
    triedAtMs.set(id, nowMs);
    keys
      .markUsed([id], now, usePauseMs)
      .catch((error) => logger.warn({ err: error, apiKeyId: id }, "an API key's use was not noted"));
  };
};
