import type { Identity } from '../domain/actor.ts';

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

/** Finds out whom a bearer token speaks for. Throws an AuthenticationError. */
export type Authenticate = (bearerToken: string) => Promise<Identity>;

/**
 * The keys that would judge a token cannot be fetched: nothing is known against the token, so its sender should try again
 * (HTTP 503), not sign in again. The message may be shown; `cause` is for the log.
 */
export class AuthenticationUnavailableError extends Error {
  override readonly name = 'AuthenticationUnavailableError';
  constructor(cause: unknown) {
    super("tokens cannot be verified now: the identity provider's keys are out of reach", { cause });
  }
}
