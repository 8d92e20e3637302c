import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { GraphQLError } from 'graphql';
import { handleProtocols, makeServer, type ServerOptions } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Caller, shareOf } from '../domain/access/actor.ts';
import { actingFor, OnBehalfOfError } from '../domain/access/on-behalf-of.ts';
import { pathOf, type ReadRequestContext, readOnBehalfOf } from '../http/request-context.ts';
import type { UnreadAnswer, UnreadAnswers } from '../http/unread-answers.ts';
import { type Authenticate, AuthenticationError, AuthenticationUnavailableError, type WatchKey } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import { DatabaseUnavailableError } from '../ports/database.ts';
import { badUserInput, isServiceUnavailable } from './errors.ts';
import { onceOver } from './expiry.ts';
import { maxBufferedSocketBytes, maxRequestBytes, maxSocketOperations, maxSockets as mostSockets } from './limits.ts';
import { bearerToken, toCaller } from './plugins/authentication.ts';
import { type GraphQLServer, graphqlPath } from './server.ts';
import { execute, hasFailedToStart, prepareOperation, subscribe, toSocketError } from './socket-operations.ts';
import { bindSocket } from './socket-transport.ts';

type Deps = {
  graphql: GraphQLServer;
  authenticate: Authenticate;
  watchKey: WatchKey;
  readRequestContext: ReadRequestContext;
  unread: Pick<UnreadAnswers, 'open'>;
  allowedOrigins: readonly string[];
  clock: Clock;
  logger: Pick<Logger, 'debug' | 'warn' | 'error'>;
  /** How long a client may take to answer a close frame, before it is cut off. */
  farewellMs?: number;
  /** Sockets at a time; who comes then is refused with 503. */
  maxSockets?: number;
};

/** Clients of graphql-ws do not come back after `unauthorized`, and may after the others: with a fresh token, or later. */
const closeCodes = { badRequest: 4400, unauthorized: 4401, forbidden: 4403, tryAgainLater: 1013, internalError: 1011 } as const;

/** Ids of operations are given back with each answer. */
const maxIdLength = 255;

/** What a socket knows of itself once it is authenticated. */
type Extra = { socket: WebSocket; request: IncomingMessage; answer: UnreadAnswer; caller?: Caller; callOffEnd?: () => void };

/** GraphQL over websockets (graphql-ws), at the same path and under the same rules as over HTTP. */
export const makeSocketServer = ({
  graphql,
  authenticate,
  watchKey,
  readRequestContext,
  unread,
  allowedOrigins,
  clock,
  logger,
  farewellMs = 2000,
  maxSockets = mostSockets,
}: Deps) => {
  // In a variable of its own, because ws knows `closeTimeout` and its types do not yet.
  const options = { noServer: true, maxPayload: maxRequestBytes, closeTimeout: farewellMs, handleProtocols };
  const sockets = new WebSocketServer(options);

  const closeExpired = ({ socket }: Extra) => socket.close(closeCodes.forbidden, 'Token expired');
  // The same key is refused with the same code: clients do not come back.
  const closeRevoked = ({ socket }: Extra) => socket.close(closeCodes.unauthorized, 'API key revoked');
  // An error message would end the subscription for good, as far as graphql-ws clients are concerned, and so would `complete`.
  // After this code they open a new socket, after a pause, and subscribe to everything again.
  const closeUnavailable = ({ socket }: Extra) => socket.close(closeCodes.tryAgainLater, 'SERVICE_UNAVAILABLE: try again later');
  const hasExpired = ({ caller }: Extra) => caller?.expiresAt != null && caller.expiresAt <= clock.now();

  const server = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: 5000,
    onConnect: async ({ connectionParams, extra }) => {
      try {
        const token = bearerToken(connectionParams?.authorization ?? connectionParams?.Authorization);
        const authenticated = await authenticate(token);
        const identity = actingFor(authenticated, connectionParams?.onBehalfOf ?? readOnBehalfOf(extra.request));
        // Gone meanwhile: nothing would call off what waits for the key's end.
        if (extra.socket.readyState !== extra.socket.OPEN) return false;
        extra.answer.belongsTo(shareOf(identity));
        extra.caller = toCaller(identity, readRequestContext(extra.request));
        extra.callOffEnd = onceOver(identity, { clock, watchKey }, (reason) =>
          reason === 'expired' ? closeExpired(extra) : closeRevoked(extra),
        );
        return true;
      } catch (error) {
        const { code, reason } = closingOf(error, logger);
        extra.socket.close(code, reason);
        return false;
      }
    },
    onSubscribe: async ({ extra, subscriptions }, id, params) => {
      if (id.length > maxIdLength) {
        extra.socket.close(closeCodes.badRequest, `An id has at most ${maxIdLength} characters`);
        return [badUserInput('the id is too long')];
      }
      const caller = extra.caller;
      if (!caller) throw new Error('an operation on a socket without a caller');
      if (hasExpired(extra)) {
        closeExpired(extra);
        return [new GraphQLError('Token expired')];
      }
      if (Object.keys(subscriptions).length > maxSocketOperations) {
        return [badUserInput(`a socket runs at most ${maxSocketOperations} operations at a time`)];
      }
      const operationCaller = toCaller(caller, readRequestContext(extra.request));
      const { requestContext } = operationCaller;
      return prepareOperation(graphql, { req: extra.request, requestContext, caller: operationCaller, params });
    },
    onOperation: ({ extra }, _id, _payload, args, result) => {
      if (hasFailedToStart(args, result)) closeUnavailable(extra);
    },
    // Each event is authorised: a timer that fires late must not let one through.
    onNext: ({ extra }, _id, _payload, _args, result) => {
      if (hasExpired(extra)) closeExpired(extra);
      return result.errors && { ...result, errors: result.errors.map(toSocketError) };
    },
    onError: ({ extra }, _id, _payload, errors) => {
      if (errors.some(isServiceUnavailable)) closeUnavailable(extra);
      return errors.map(toSocketError);
    },
    onClose: ({ extra }) => extra.callOffEnd?.(),
    execute,
    subscribe,
  } as ServerOptions<Record<string, unknown>, Extra>);

  return {
    /** Takes over an HTTP upgrade, or refuses it. */
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (pathOf(request) !== graphqlPath) {
        refuse(socket, '404 Not Found');
        return;
      }
      if (!isAllowedOrigin(request, allowedOrigins)) {
        logger.warn(
          { origin: request.headers.origin },
          'a socket of a foreign origin was refused; ALLOWED_ORIGINS names those that may',
        );
        refuse(socket, '403 Forbidden');
        return;
      }
      if (sockets.clients.size >= maxSockets) {
        logger.warn({ maxSockets }, 'a socket was refused: there are as many as this process takes');
        refuse(socket, '503 Service Unavailable');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        const answer = unread.open(() => client.terminate());
        const extra = { socket: client, request, answer };
        const maxBufferedBytes = maxBufferedSocketBytes;
        bindSocket({ server, client, connection: socket, extra, maxBufferedBytes, answer, logger });
      });
    },
    count: () => sockets.clients.size,
    /** Tells every client that the server goes, and waits until they are gone; those that do not answer are cut off. */
    close: async () => {
      for (const client of sockets.clients) client.close(1001, 'Going away');
      await promisify(sockets.close.bind(sockets))();
    },
  };
};

export type SocketServer = ReturnType<typeof makeSocketServer>;

/** A client without an Origin header is no browser. A browser's page must be ours, or on the list. */
const isAllowedOrigin = ({ headers }: IncomingMessage, allowed: readonly string[]): boolean => {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
};

/** What a failed authentication means to a client of a socket. */
const closingOf = (error: unknown, logger: Deps['logger']): { code: number; reason: string } => {
  if (error instanceof AuthenticationUnavailableError || error instanceof DatabaseUnavailableError)
    return { code: closeCodes.tryAgainLater, reason: 'Try again later' };
  // The reason of a close frame holds at most 123 bytes.
  const reasonOf = ({ message }: Error, otherwise: string) => (Buffer.byteLength(message) <= 123 ? message : otherwise);
  if (error instanceof AuthenticationError) {
    return { code: error.expired ? closeCodes.forbidden : closeCodes.unauthorized, reason: reasonOf(error, 'Unauthorized') };
  }
  if (error instanceof OnBehalfOfError) return { code: closeCodes.badRequest, reason: reasonOf(error, 'Bad onBehalfOf') };
  logger.error({ err: error }, 'authentication failed');
  return { code: closeCodes.internalError, reason: 'Something went wrong on our side' };
};

const refuse = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
};
