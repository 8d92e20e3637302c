/**
 * The database cannot be reached, went away, or did not answer in time. The request itself may be fine, so the caller can try
 * again; whether a change was made is unknown. The message can be shown to clients; `cause` is for the log.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  constructor(reason: string, cause: unknown) {
    super(reason, { cause });
  }
}

/** How long a client should wait before it tries again: about as long as a failover or a restart of the database takes. */
export const retryAfterMs = 2000;

/** Maps an error of the database adapter to a DatabaseUnavailableError, or to null if the database is not the problem. */
export type ToUnavailable = (error: unknown) => DatabaseUnavailableError | null;
