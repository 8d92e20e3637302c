import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { AuthenticationError, AuthenticationUnavailableError } from '../../access/model/authenticator.ts';
import { OnBehalfOfError } from '../../access/model/on-behalf-of.ts';
import type { Identify } from '../../http/identify.ts';
import { DatabaseUnavailableError } from '../../kernel/database-unavailable.ts';
import { OverShareError } from '../../kernel/limits/fair-queue.ts';
import type { ThrottledLog } from '../../kernel/limits/throttled-log.ts';
import type { ServerContext } from '../context.ts';
import { badUserInput, rateLimited, serviceUnavailable, unauthenticated } from '../errors.ts';

type Deps = { identify: Identify; logger: ThrottledLog };

/** Authenticates a request before anything else in it is read. */
export const useAuthentication = ({ identify, logger }: Deps): Plugin<object, ServerContext> => ({
  onRequest: async ({ request, serverContext, endResponse, fetchAPI }) => {
    if (request.method === 'OPTIONS') return;
    try {
      serverContext.caller = await identify(serverContext.req, serverContext);
    } catch (error) {
      const { status, body, headers } = toAuthenticationResponse(error, logger);
      endResponse(new fetchAPI.Response(JSON.stringify(body), { status, headers }));
    }
  },
});

/** The error that the sender of a failed authentication sees. Unexpected errors are logged here and masked. */
const toGraphQLError = (error: unknown, logger: ThrottledLog): GraphQLError => {
  if (error instanceof AuthenticationError) return unauthenticated(error.message);
  if (error instanceof OnBehalfOfError) return badUserInput(`X-On-Behalf-Of: ${error.message}`);
  if (error instanceof AuthenticationUnavailableError) {
    return new GraphQLError('Tokens cannot be verified at the moment: try again', {
      extensions: { code: 'AUTHENTICATION_UNAVAILABLE', http: { status: 503, headers: { 'Retry-After': '5' } } },
    });
  }
  if (error instanceof OverShareError) return rateLimited(error.message, error.retryAfterMs);
  if (error instanceof DatabaseUnavailableError) return serviceUnavailable(`${error.message}. Try again`);
  logger.error({ err: error }, 'authentication failed');
  return new GraphQLError('Something went wrong on our side; the service log has the details', {
    extensions: { code: 'INTERNAL_SERVER_ERROR', http: { status: 500 } },
  });
};

const toAuthenticationResponse = (error: unknown, logger: ThrottledLog) => {
  const { message, extensions } = toGraphQLError(error, logger);
  const { http, ...shown } = extensions as { code: string; http: { status: number; headers?: Record<string, string> } };
  return {
    status: http.status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...http.headers },
    body: { errors: [{ message, extensions: shown }] },
  };
};
