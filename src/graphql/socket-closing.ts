import { AuthenticationError, AuthenticationUnavailableError } from '../access/model/authenticator.ts';
import { OnBehalfOfError } from '../access/model/on-behalf-of.ts';
import { DatabaseUnavailableError } from '../kernel/database-unavailable.ts';
import { OverShareError } from '../kernel/limits/fair-queue.ts';
import type { ThrottledLog } from '../kernel/limits/throttled-log.ts';

/** Clients of graphql-ws do not reconnect after `unauthorized`. After the others they can: with a fresh token, or later. */
export const closeCodes = {
  badRequest: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  tryAgainLater: 1013,
  internalError: 1011,
} as const;

/** How to close a socket whose authentication failed. */
export const closingOf = (error: unknown, logger: ThrottledLog): { code: number; reason: string } => {
  if (temporaryErrors.some((kind) => error instanceof kind)) return { code: closeCodes.tryAgainLater, reason: 'Try again later' };
  // The reason of a close frame can have at most 123 bytes.
  const reasonOf = ({ message }: Error, otherwise: string) => (Buffer.byteLength(message) <= 123 ? message : otherwise);
  if (error instanceof AuthenticationError) {
    return { code: error.expired ? closeCodes.forbidden : closeCodes.unauthorized, reason: reasonOf(error, 'Unauthorized') };
  }
  if (error instanceof OnBehalfOfError) return { code: closeCodes.badRequest, reason: reasonOf(error, 'Bad onBehalfOf') };
  logger.error({ err: error }, 'authentication failed');
  return { code: closeCodes.internalError, reason: 'Something went wrong on our side' };
};

const temporaryErrors = [AuthenticationUnavailableError, DatabaseUnavailableError, OverShareError];
