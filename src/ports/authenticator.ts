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
