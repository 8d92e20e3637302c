import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { ZodError } from 'zod';
import { retryAfterMs } from '../kernel/database-unavailable.ts';
import { toIssues, ValidationError } from '../kernel/errors.ts';

/** The caller sent an invalid value. The message must say which, and what is allowed. */
export const badUserInput = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } });

/** The same error that Yoga gives over HTTP. */
export const unresolvedOperation = (): GraphQLError =>
  new GraphQLError('Could not determine what operation to execute.', { extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } });

export const unauthenticated = (message: string): GraphQLError =>
  new GraphQLError(message, {
    extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } } },
  });

export const forbidden = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'FORBIDDEN', http: { status: 403 } } });

/** The database is not available. Nothing is wrong with the request: its sender should send it again. */
export const serviceUnavailable = (message: string): GraphQLError =>
  tryAgain(message, { code: serviceUnavailableCode, status: 503, retryAfterMs });

/** The request exceeds a limit of its caller or of this process. The message must say which limit, and its value. */
export const rateLimited = (message: string, retryAfterMs: number): GraphQLError =>
  tryAgain(message, { code: rateLimitedCode, status: 429, retryAfterMs });

/**
 * The same error for a mutation that may have run. It warns the caller, because sending it again could make its changes twice.
 */
export const mayHaveRun = ({ message, extensions }: GraphQLError): GraphQLError =>
  new GraphQLError(`${message}. The mutation may have made its changes: check that before you send it again`, { extensions });

const tryAgain = (message: string, { status, ...hint }: { code: string; status: number; retryAfterMs: number }): GraphQLError =>
  new GraphQLError(message, {
    extensions: { ...hint, http: { status, headers: { 'Retry-After': String(Math.ceil(hint.retryAfterMs / 1000)) } } },
  });
const serviceUnavailableCode = 'SERVICE_UNAVAILABLE';
const rateLimitedCode = 'RATE_LIMITED';

/** Whether the same request can succeed later, because nothing is wrong with the request itself. */
export const isWorthRetrying = ({ extensions }: GraphQLFormattedError): boolean =>
  extensions?.code === serviceUnavailableCode || extensions?.code === rateLimitedCode;

/**
 * Turns Zod's issues with arguments into an error. In a mutation it is a member of the result, with paths below `input`; in a
 * query it is a top-level error, because its result has no member for it.
 */
export const toArgumentError = (error: ZodError, parentType: string): Error => {
  const issues = toIssues(error);
  if (parentType === 'Mutation') {
    return new ValidationError(
      issues.map(({ path, message }) => ({ path: path[0] === 'input' ? path.slice(1) : path, message })),
    );
  }
  return badUserInput(issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '));
};
