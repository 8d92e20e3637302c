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
