import type { ServerResponse } from 'node:http';
import { AuthenticationError, AuthenticationUnavailableError } from '../../access/model/authenticator.ts';
import { OnBehalfOfError } from '../../access/model/on-behalf-of.ts';
import { retryAfterMs, type ToUnavailable } from '../../kernel/database-unavailable.ts';
import { OverShareError } from '../../kernel/limits/fair-queue.ts';
import type { ThrottledLog } from '../../kernel/limits/throttled-log.ts';

type Headers = Record<string, string>;

/** The answer to a request that is refused, with a sentence for its sender. */
export class LogRefusal extends Error {
  override readonly name = 'LogRefusal';
  readonly status: number;
  readonly headers: Headers;
  constructor(status: number, message: string, headers: Headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

type Deps = {
  toUnavailable: ToUnavailable;
  /** Logs, at a limited rate, what strangers can cause and what every request causes in an outage. */
  logger: ThrottledLog;
};

/** What to answer after an error. Errors that are not meant for clients are logged here, and masked. */
export const toLogRefusal = (error: unknown, { toUnavailable, logger }: Deps): LogRefusal => {
  if (error instanceof LogRefusal) return error;
  if (error instanceof AuthenticationError) return new LogRefusal(401, error.message, { 'www-authenticate': 'Bearer' });
  if (error instanceof OnBehalfOfError) return new LogRefusal(400, `X-On-Behalf-Of: ${error.message}`);
  if (error instanceof AuthenticationUnavailableError) {
    return tryAgain(503, 'Tokens cannot be verified at the moment: try again', 5000);
  }
  if (error instanceof OverShareError) return tryAgain(429, error.message, error.retryAfterMs);
  const unavailable = toUnavailable(error);
  if (unavailable) {
    logger.warn({}, `the log could not be read, the database is unavailable: ${unavailable.message}`);
    return tryAgain(503, 'The database does not answer now: try again', retryAfterMs);
  }
  logger.error({ err: error }, 'the log could not be read');
  return new LogRefusal(500, 'Something went wrong on our side; the service log has the details');
};

const tryAgain = (status: number, message: string, afterMs: number): LogRefusal =>
  new LogRefusal(status, message, { 'retry-after': String(Math.ceil(afterMs / 1000)) });

export const sendLogRefusal = (response: ServerResponse, { status, message, headers }: LogRefusal): void => {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers })
    .end(JSON.stringify({ error: message }));
};
