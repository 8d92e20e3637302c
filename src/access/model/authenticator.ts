import type { Identity } from './actor.ts';

/** Why a token was not accepted. Its sender can see the message, which never contains the token. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  /** Whether the token was valid once, so that its sender can come back with a fresh one. */
  readonly expired: boolean;
  constructor(message: string, { expired = false }: { expired?: boolean } = {}) {
    super(message);
    this.expired = expired;
  }
}

/**
 * Finds out who a bearer token, a JWT or an API key, speaks for. Throws an AuthenticationError or, if the token cannot be checked
 * now, an AuthenticationUnavailableError or a DatabaseUnavailableError.
 */
export type Authenticate = (bearerToken: string) => Promise<Identity>;

/**
 * Calls back once, within five seconds after an API key is revoked, for connections that outlive the request that presented the
 * key. Returns the function that cancels this.
 */
export type WatchKey = (apiKeyId: string, onRevoked: () => void) => () => void;

/**
 * The token cannot be checked now. It may be fine, so its sender should try again (HTTP 503) instead of signing in again. The
 * message can be shown to clients; `cause` is for the log.
 */
export class AuthenticationUnavailableError extends Error {
  override readonly name = 'AuthenticationUnavailableError';
  constructor(cause: unknown) {
    super("tokens cannot be verified now: the identity provider's keys cannot be fetched", { cause });
  }
}
