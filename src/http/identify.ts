import type { IncomingMessage } from 'node:http';
import { type Caller, type Identity, type RequestContext, shareOf } from '../access/model/actor.ts';
import { type Authenticate, AuthenticationError } from '../access/model/authenticator.ts';
import { actingFor } from '../access/model/on-behalf-of.ts';
import { OverShareError } from '../kernel/limits/fair-queue.ts';
import { readOnBehalfOf } from './request-context.ts';
import { requestScope } from './request-scope.ts';
import { type UnreadAnswer, unreadRetryMs } from './unread-answers.ts';

type Asked = { requestContext: RequestContext; answer?: UnreadAnswer | undefined };

/**
 * Finds out who sends a request. From then on its answer, and what it uses, count towards that caller. Throws what
 * `Authenticate` throws, an OnBehalfOfError, and an OverShareError if the caller has too many unread answers.
 */
export type Identify = (request: IncomingMessage, asked: Asked) => Promise<Caller>;

export const makeIdentify =
  (authenticate: Authenticate): Identify =>
  async (request, { requestContext, answer }) => {
    const token = bearerToken(request.headers.authorization);
    const identity = actingFor(await authenticate(token), readOnBehalfOf(request));
    const unread = answer?.belongsTo(shareOf(identity));
    if (unread) throw new OverShareError(unread, unreadRetryMs);
    const scope = requestScope.getStore();
    if (scope) scope.share = shareOf(identity);
    return toCaller(identity, requestContext);
  };

/** The bearer token of an Authorization header, or of a socket's connection parameters. Throws an AuthenticationError. */
export const bearerToken = (authorization: unknown): string => {
  const match = typeof authorization === 'string' ? /^Bearer +(\S+) *$/i.exec(authorization) : null;
  if (!match?.[1]) throw new AuthenticationError('a bearer token is required: Authorization: Bearer <token>');
  return match[1];
};

export const toCaller = (identity: Identity, requestContext: RequestContext): Caller => ({
  ...identity,
  requestContext: { ...requestContext, sessionId: identity.sessionId, apiKeyId: identity.apiKeyId },
});
