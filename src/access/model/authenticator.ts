import type { Identity } from './actor.ts';

/** Why a token was not accepted. The message may be shown to its sender: it never holds the token. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  /** An expired token was good once: its sender may come back with a fresh one. */
  readonly expired: boolean;
  constructor(message: string, { expired = false }: { expired?: boolean } = {}) {
    super(message);
    this.expired = expired;
  }
}

/**
 * Finds out whom a bearer token, a JWT or an API key, speaks for. Throws an AuthenticationError; where what would judge it is out
 * of reach, an AuthenticationUnavailableError or a DatabaseUnavailableError.
 */
export type Authenticate = (bearerToken: string) => Promise<Identity>;

/**
 * Calls back, once, within five seconds of an API key's revocation: for what outlives the request that showed the key. Returns
 * the way to call it off.
 */
export type WatchKey = (apiKeyId: string, onRevoked: () => void) => () => void;

/**
 * What would judge a token is out of reach: nothing is known against the token, so its sender should try again (HTTP 503), not
 * sign in again. The message may be shown; `cause` is for the log.
 */
export class AuthenticationUnavailableError extends Error {
  override readonly name = 'AuthenticationUnavailableError';
  constructor(cause: unknown) {
    super("tokens cannot be verified now: the identity provider's keys are out of reach", { cause });
  }
}
