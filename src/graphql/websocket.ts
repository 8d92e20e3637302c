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
import { refuseUpgrade } from '../http/refuse-upgrade.ts';
import { pathOf, type ReadRequestContext, readOnBehalfOf } from '../http/request-context.ts';
import { requestScope, strangerScope } from '../http/request-scope.ts';
import type { UnreadAnswer, UnreadAnswers } from '../http/unread-answers.ts';
import type { Clock } from '../kernel/clock.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { ThrottledLog } from '../kernel/limits/throttled-log.ts';
import { toStorableText } from '../kernel/text.ts';
import { badUserInput, isWorthRetrying } from './errors.ts';
import { onceOver } from './expiry.ts';
import { maxBufferedSocketBytes, maxRequestBytes, maxSocketOperations, socketInitMs, socketLimits } from './limits.ts';
import { bearerToken, toCaller } from './plugins/authentication.ts';
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
  /** For what strangers can cause. */
  strangers: ThrottledLog;
  onRefused: OnRefused;
  /** How long a client may take to answer a close frame, before it is cut off. */
  farewellMs?: number;
  /** How often a socket is pinged; one that has not answered by the next time is cut off. */
  keepAliveMs?: number;
  limits?: Partial<SocketLimits>;
};

/** Ids of operations are given back with each answer. */
const maxIdLength = 255;

/** How much of what a stranger says is logged. */
const maxLoggedText = 200;

/** What a socket knows of itself; who it is for, and what calls off its end, once it is authenticated. */
type Extra = {
  socket: WebSocket;
  request: IncomingMessage;
  answer: UnreadAnswer;
  leave: () => void;
  /** Of the message that is being handled. */
  messageBytes: number;
  caller?: Caller;
  callOffEnd?: () => void;
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
  // In a variable of its own, because ws knows `closeTimeout` and its types do not yet.
  const options = { noServer: true, maxPayload: maxRequestBytes, closeTimeout: farewellMs, handleProtocols };
  const sockets = new WebSocketServer(options);
  const places = makeSocketPlaces({ ...socketLimits, ...limits });

  const closeExpired = ({ socket }: Extra) => socket.close(closeCodes.forbidden, 'Token expired');
  // The same key is refused with the same code: clients do not come back.
  const closeRevoked = ({ socket }: Extra) => socket.close(closeCodes.unauthorized, 'API key revoked');
  // An error message would end the subscription for good, as far as graphql-ws clients are concerned, and so would `complete`.
  // After this code they open a new socket, after a pause, and subscribe to everything again.
  const closeForNow = ({ socket }: Extra, { extensions }: GraphQLFormattedError) =>
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
        // Gone meanwhile: nothing would call off what waits for the key's end.
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
        extra.callOffEnd = onceOver(identity, { clock, watchKey }, (reason) =>
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
      // Before anything is waited for: by then another message may be handled.
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
      if (cause) closeForNow(extra, cause);
    },
    // Each event is authorised: a timer that fires late must not let one through.
    onNext: ({ extra }, _id, _payload, _args, result) => {
      if (hasExpired(extra)) closeExpired(extra);
      return result.errors && { ...result, errors: result.errors.map(toSocketError) };
    },
    onError: ({ extra }, _id, _payload, errors) => {
      const cause = errors.find(isWorthRetrying);
      if (cause) closeForNow(extra, cause);
      return errors.map(toSocketError);
    },
    onClose: ({ extra }) => {
      extra.leave();
      extra.callOffEnd?.();
    },
    execute,
    subscribe,
  } as ServerOptions<Record<string, unknown>, Extra>);

  return {
    /** Takes over an HTTP upgrade, or refuses it. */
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
    /** Tells every client that the server goes, and waits until they are gone; those that do not answer are cut off. */
    close: async () => {
      for (const client of sockets.clients) client.close(1001, 'Going away');
      await promisify(sockets.close.bind(sockets))();
    },
  };
};

/** A client without an Origin header is no browser. A browser's page must be ours, or on the list. */
const isAllowedOrigin = ({ headers }: IncomingMessage, allowed: readonly string[]): boolean => {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
};
