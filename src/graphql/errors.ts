import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { ZodError } from 'zod';
import { retryAfterMs } from '../kernel/database-unavailable.ts';
import { toIssues, ValidationError } from '../kernel/errors.ts';

/** The caller sent a value that cannot be used; the message says which, and what is allowed. */
export const badUserInput = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } });

/** As Yoga has it over HTTP. */
export const unresolvedOperation = (): GraphQLError =>
  new GraphQLError('Could not determine what operation to execute.', { extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } });

export const unauthenticated = (message: string): GraphQLError =>
  new GraphQLError(message, {
    extensions: { code: 'UNAUTHENTICATED', http: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } } },
  });

export const forbidden = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'FORBIDDEN', http: { status: 403 } } });

/** The database is out of reach: nothing is wrong with the request, and its sender should send it again. */
export const serviceUnavailable = (message: string): GraphQLError =>
  tryAgain(message, { code: serviceUnavailableCode, status: 503, retryAfterMs });

/** More than the caller's share, or than this process can take now; the message says which bound, and what it is. */
export const rateLimited = (message: string, retryAfterMs: number): GraphQLError =>
  tryAgain(message, { code: rateLimitedCode, status: 429, retryAfterMs });

/** The same of a mutation whose answer cannot be given: whoever sends it again makes its changes twice. */
export const hasRun = ({ message, extensions }: GraphQLError): GraphQLError =>
  new GraphQLError(`${message}. The mutation may have made its changes: check that before you send it again`, { extensions });

const tryAgain = (message: string, { status, ...hint }: { code: string; status: number; retryAfterMs: number }): GraphQLError =>
  new GraphQLError(message, {
    extensions: { ...hint, http: { status, headers: { 'Retry-After': String(Math.ceil(hint.retryAfterMs / 1000)) } } },
  });
const serviceUnavailableCode = 'SERVICE_UNAVAILABLE';
const rateLimitedCode = 'RATE_LIMITED';

/** Whether the same may go well another time: nothing is wrong with what was asked. */
export const isWorthRetrying = ({ extensions }: GraphQLFormattedError): boolean =>
  extensions?.code === serviceUnavailableCode || extensions?.code === rateLimitedCode;

/**
 * Zod's findings about arguments. In a mutation they are a member of the result, with paths below `input`; a query has no
 * place for them but the top.
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
