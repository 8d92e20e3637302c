/**
 * The database is out of reach, gone, or did not answer in time: nothing is known against what was asked, so whoever asked may
 * ask again. Of a change nobody knows whether it was made. The message may be shown; `cause` is for the log.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  constructor(reason: string, cause: unknown) {
    super(reason, { cause });
  }
}

/** How long a client should wait before it tries again: about as long as a failover or a restart of the database takes. */
export const retryAfterMs = 2000;

/** What an error of the database adapter means: a DatabaseUnavailableError where the database is; null for any other error. */
export type ToUnavailable = (error: unknown) => DatabaseUnavailableError | null;
