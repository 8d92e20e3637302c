import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { handleProtocols, makeServer, type ServerOptions } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Caller, shareOf } from '../access/model/actor.ts';
import type { Authenticate, WatchKey } from '../access/model/authenticator.ts';
import { actingFor } from '../access/model/on-behalf-of.ts';
import { clientNetwork } from '../http/client-network.ts';
import { bearerToken, toCaller } from '../http/identify.ts';
import { refuseUpgrade } from '../http/refuse-upgrade.ts';
import { pathOf, type ReadRequestContext, readOnBehalfOf } from '../http/request-context.ts';
import { requestScope, strangerScope } from '../http/request-scope.ts';
import type { UnreadAnswer, UnreadAnswers } from '../http/unread-answers.ts';
import type { Clock } from '../kernel/clock.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { ThrottledLog } from '../kernel/limits/throttled-log.ts';
import { toStorableText } from '../kernel/text.ts';
import { badUserInput, isWorthRetrying } from './errors.ts';
import { onceInvalid } from './expiry.ts';
import { maxBufferedSocketBytes, maxRequestBytes, maxSocketOperations, socketInitMs, socketLimits } from './limits.ts';
import { type GraphQLServer, graphqlPath } from './server.ts';
import { closeCodes, closingOf } from './socket-closing.ts';
import { execute, prepareOperation, subscribe, toSocketError, whyNotStarted } from './socket-operations.ts';
import { makeSocketPlaces, type SocketLimits } from './socket-places.ts';
import { bindSocket } from './socket-transport.ts';

type Deps = {
  graphql: GraphQLServer;
  authenticate: Authenticate;
  watchKey: WatchKey;
  readRequestContext: ReadRequestContext;
  unread: Pick<UnreadAnswers, 'open'>;
  allowedOrigins: readonly string[];
  clock: Clock;
  logger: Pick<Logger, 'debug' | 'error'>;
  /** Logs what strangers can cause, at a limited rate. */
  strangers: ThrottledLog;
  onRefused: OnRefused;
  /** Milliseconds that a client has to answer a close frame before it is cut off. @default 2000 */
  farewellMs?: number;
  /** Milliseconds between pings. A socket that has not answered by the next ping is cut off. @default 12000 */
  keepAliveMs?: number;
  limits?: Partial<SocketLimits>;
};

/** Most characters of the id of an operation. It is repeated with each answer. */
const maxIdLength = 255;

/** Most characters that are logged of a text that a stranger sent. */
const maxLoggedText = 200;

/** The state of a socket. `caller` and `cancelEndWatch` are set once it is authenticated. */
type Extra = {
  socket: WebSocket;
  request: IncomingMessage;
  answer: UnreadAnswer;
  leave: () => void;
  /** The length of the message that is being handled. */
  messageBytes: number;
  caller?: Caller;
  cancelEndWatch?: () => void;
};

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
  strangers,
  onRefused,
  farewellMs = 2000,
  keepAliveMs = 12_000,
  limits = {},
}: Deps) => {
  // In a variable, because ws supports `closeTimeout` but its types do not know it yet.
  const options = { noServer: true, maxPayload: maxRequestBytes, closeTimeout: farewellMs, handleProtocols };
  const sockets = new WebSocketServer(options);
  const places = makeSocketPlaces({ ...socketLimits, ...limits });

  const closeExpired = ({ socket }: Extra) => socket.close(closeCodes.forbidden, 'Token expired');
  // A new socket with a revoked key is refused with the same code, so clients do not reconnect.
  const closeRevoked = ({ socket }: Extra) => socket.close(closeCodes.unauthorized, 'API key revoked');
  // graphql-ws clients take an error message or `complete` as the end of a subscription. After this close code they open a new
  // socket after a pause, and subscribe to everything again.
  const closeForLater = ({ socket }: Extra, { extensions }: GraphQLFormattedError) =>
    socket.close(closeCodes.tryAgainLater, `${extensions?.code}: try again later`);
  const hasExpired = ({ caller }: Extra) => caller?.expiresAt != null && caller.expiresAt <= clock.now();

  const server = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: socketInitMs,
    onConnect: async ({ connectionParams, extra }) => {
      try {
        const token = bearerToken(connectionParams?.authorization ?? connectionParams?.Authorization);
        const requestContext = readRequestContext(extra.request);
        const authenticated = await requestScope.run(strangerScope(requestContext), () => authenticate(token));
        const identity = actingFor(authenticated, connectionParams?.onBehalfOf ?? readOnBehalfOf(extra.request));
        // If the socket has closed meanwhile, nothing would ever cancel the watch of its key.
        if (extra.socket.readyState !== extra.socket.OPEN) return false;
        const place = places.take(shareOf(identity));
        if ('full' in place) {
          onRefused('socket_places');
          extra.socket.close(closeCodes.tryAgainLater, `RATE_LIMITED: ${place.full}; try again later`);
          return false;
        }
        extra.answer.belongsTo(shareOf(identity));
        extra.leave();
        extra.leave = place.leave;
        extra.caller = toCaller(identity, requestContext);
        extra.cancelEndWatch = onceInvalid(identity, { clock, watchKey }, (reason) =>
          reason === 'expired' ? closeExpired(extra) : closeRevoked(extra),
        );
        return true;
      } catch (error) {
        const { code, reason } = closingOf(error, strangers);
        extra.socket.close(code, reason);
        return false;
      }
    },
    onSubscribe: async ({ extra, subscriptions }, id, params) => {
      // Read it before any await: another message may be handled meanwhile.
      const { messageBytes } = extra;
      if (id.length > maxIdLength) {
        extra.socket.close(closeCodes.badRequest, `An id can have at most ${maxIdLength} characters`);
        return [badUserInput(`the operation's id is longer than ${maxIdLength} characters`)];
      }
      const caller = extra.caller;
      if (!caller) throw new Error('an operation on a socket without a caller');
      if (hasExpired(extra)) {
        closeExpired(extra);
        return [new GraphQLError('Token expired')];
      }
      if (Object.keys(subscriptions).length > maxSocketOperations) {
        return [badUserInput(`a socket can run at most ${maxSocketOperations} operations at a time`)];
      }
      const operationCaller = toCaller(caller, readRequestContext(extra.request));
      const { requestContext } = operationCaller;
      return prepareOperation(graphql, { req: extra.request, requestContext, caller: operationCaller, messageBytes, params });
    },
    onOperation: ({ extra }, _id, _payload, args, result) => {
      const cause = whyNotStarted(args, result);
      if (cause) closeForLater(extra, cause);
    },
    // Check each event, because the timer that closes an expired socket can fire late.
    onNext: ({ extra }, _id, _payload, _args, result) => {
      if (hasExpired(extra)) closeExpired(extra);
      return result.errors && { ...result, errors: result.errors.map(toSocketError) };
    },
    onError: ({ extra }, _id, _payload, errors) => {
      const cause = errors.find(isWorthRetrying);
      if (cause) closeForLater(extra, cause);
      return errors.map(toSocketError);
    },
    onClose: ({ extra }) => {
      extra.leave();
      extra.cancelEndWatch?.();
    },
    execute,
    subscribe,
  } as ServerOptions<Record<string, unknown>, Extra>);

  return {
    /** Accepts an HTTP upgrade, or refuses it. */
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (pathOf(request) !== graphqlPath) {
        refuseUpgrade(socket, '404 Not Found');
        return;
      }
      if (!isAllowedOrigin(request, allowedOrigins)) {
        strangers.warn(
          { origin: toStorableText(request.headers.origin ?? '', maxLoggedText) },
          'a socket from an origin that is not allowed was refused; set ALLOWED_ORIGINS to allow it',
        );
        onRefused('socket_origin');
        refuseUpgrade(socket, '403 Forbidden');
        return;
      }
      if (places.isFull()) {
        strangers.warn({}, 'a socket was refused: this process has as many sockets as it can take');
        onRefused('socket_places');
        refuseUpgrade(socket, '503 Service Unavailable');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        const answer = unread.open(() => client.terminate());
        const turnOut = () => {
          client.close(
            closeCodes.tryAgainLater,
            'RATE_LIMITED: too many sockets are waiting for authentication; try again later',
          );
          client.terminate();
          onRefused('socket_waiting');
        };
        const { ipAddress } = readRequestContext(request);
        const extra = { socket: client, request, answer, leave: places.wait(clientNetwork(ipAddress), turnOut), messageBytes: 0 };
        const maxBufferedBytes = maxBufferedSocketBytes;
        bindSocket({ server, client, connection: socket, extra, maxBufferedBytes, keepAliveMs, answer, logger });
      });
    },
    count: () => sockets.clients.size,
    /**
     * Tells every client that the server is going away, and waits until all sockets are closed. Clients that do not answer are
     * cut off.
     */
    close: async () => {
      for (const client of sockets.clients) client.close(1001, 'Going away');
      await promisify(sockets.close.bind(sockets))();
    },
  };
};

/** A client without an Origin header is not a browser. A browser page must come from this server or from an allowed origin. */
const isAllowedOrigin = ({ headers }: IncomingMessage, allowed: readonly string[]): boolean => {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
};
