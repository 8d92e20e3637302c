import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExecutionArgs, type ExecutionResult, getOperationAST, GraphQLError, type GraphQLFormattedError } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Caller } from '../domain/actor.ts';
import { pathOf, readRequestContext } from '../http/request-context.ts';
import { requestScope } from '../http/request-scope.ts';
import { type Authenticate, AuthenticationError, AuthenticationUnavailableError } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { Context, ServerContext } from './context.ts';
import { badUserInput, unresolvedOperation } from './errors.ts';
import { maxRequestBytes, maxSocketOperations } from './limits.ts';
import { bearerToken, toAuthenticationGraphQLError, toCaller } from './plugins/authentication.ts';
import { type GraphQLServer, graphqlPath } from './server.ts';

type Deps = {
  graphql: GraphQLServer;
  authenticate: Authenticate;
  allowedOrigins: readonly string[];
  clock: Clock;
  logger: Logger;
};

/** Clients of graphql-ws do not come back after `unauthorized`, and may after the others: with a fresh token, or later. */
const closeCodes = { unauthorized: 4401, forbidden: 4403, tryAgainLater: 1013 } as const;
const longestTimerMs = 2 ** 31 - 1;

/** What a socket knows of itself once it is authenticated. */
type Extra = { socket: WebSocket; request: IncomingMessage; caller?: Caller; expiry?: NodeJS.Timeout };

/** GraphQL over websockets (graphql-ws), at the same path and under the same rules as over HTTP. */
export const makeSocketServer = ({ graphql, authenticate, allowedOrigins, clock, logger }: Deps) => {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxRequestBytes });

  const endAtExpiry = (extra: Extra, expiresAt: Date): void => {
    const remainingMs = expiresAt.getTime() - clock.now().getTime();
    if (remainingMs <= 0) extra.socket.close(closeCodes.forbidden, 'Token expired');
    else extra.expiry = setTimeout(() => endAtExpiry(extra, expiresAt), Math.min(remainingMs, longestTimerMs));
  };
  const hasExpired = ({ caller }: Extra) => caller?.expiresAt != null && caller.expiresAt <= clock.now();

  const disposable = useServer<Record<string, unknown>, Extra>(
    {
      connectionInitWaitTimeout: 5000,
      onConnect: async ({ connectionParams, extra }) => {
        try {
          const token = bearerToken(connectionParams?.authorization ?? connectionParams?.Authorization);
          extra.caller = toCaller(await authenticate(token), readRequestContext(extra.request));
          if (extra.caller.expiresAt) endAtExpiry(extra, extra.caller.expiresAt);
          return true;
        } catch (error) {
          extra.socket.close(closeCodeOf(error), closeReason(toAuthenticationGraphQLError(error).message));
          return false;
        }
      },
      onSubscribe: async ({ extra, subscriptions }, _id, params) => {
        const caller = extra.caller;
        if (!caller) throw new Error('an operation on a socket without a caller');
        if (hasExpired(extra)) {
          extra.socket.close(closeCodes.forbidden, 'Token expired');
          return [new GraphQLError('Token expired')];
        }
        if (Object.keys(subscriptions).length > maxSocketOperations) {
          return [badUserInput(`a socket runs at most ${maxSocketOperations} operations at a time`)];
        }
        const requestContext = { ...readRequestContext(extra.request), sessionId: caller.sessionId };
        return prepare(graphql, { req: extra.request, requestContext, caller: { ...caller, requestContext }, params });
      },
      // Each event is authorised: a timer that fires late must not let one through.
      onNext: ({ extra }, _id, _payload, _args, result) => {
        if (hasExpired(extra)) extra.socket.close(closeCodes.forbidden, 'Token expired');
        return result.errors && { ...result, errors: result.errors.map(toClient) };
      },
      onError: (_context, _id, _payload, errors) => errors.map(toClient),
      onDisconnect: ({ extra }) => clearTimeout(extra.expiry),
      onClose: ({ extra }) => clearTimeout(extra.expiry),
      execute: (args: ExecutionArgs) => inScope(args, () => (args.rootValue as Prepared).execute(args)),
      subscribe: async (args: ExecutionArgs) => {
        const result = await inScope(args, () => (args.rootValue as Prepared).subscribe(args));
        return isAsyncIterable(result) ? withEach(result, (next) => inScope(args, next)) : result;
      },
    } as Parameters<typeof useServer<Record<string, unknown>, Extra>>[0],
    sockets,
  );

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
      sockets.handleUpgrade(request, socket, head, (client) => {
        sockets.emit('connection', client, request);
        // graphql-ws prints a client's protocol errors, such as a message over the limit, to the console. They have closed
        // the socket, with their own codes, by the time that they are told.
        client.removeAllListeners('error').on('error', (error) => logger.debug({ err: error }, 'a socket was closed'));
      });
    },
    count: () => sockets.clients.size,
    /** Tells every client that the server goes, and waits until they are gone. */
    close: async () => {
      await disposable.dispose();
    },
  };
};

export type SocketServer = ReturnType<typeof makeSocketServer>;

type Initial = Omit<ServerContext, 'res'> & {
  params: { query: string; operationName?: string | null; variables?: Record<string, unknown> | null };
};

type Prepared = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>;

/** The arguments of an execution that runs through the same plugins as one over HTTP; or what is wrong with the operation. */
const prepare = async (graphql: GraphQLServer, initial: Initial) => {
  const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped(initial);
  const { query, operationName, variables } = initial.params;
  try {
    const document = parse(query);
    if (!getOperationAST(document, operationName)) return [unresolvedOperation()];
    const errors = validate(schema, document);
    if (errors.length > 0) return errors;
    return {
      schema,
      document,
      operationName,
      variableValues: variables,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe },
    };
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
};

/** Every line that an operation logs names its request, as over HTTP. */
const inScope = <Result>({ contextValue }: ExecutionArgs, run: () => Result): Result =>
  requestScope.run({ requestId: (contextValue as Context).caller.requestContext.requestId }, run);

/** The iterable, with each of its steps run by `around`. */
const withEach = <Item>(
  items: AsyncIterable<Item>,
  around: (step: () => Promise<IteratorResult<Item>>) => Promise<IteratorResult<Item>>,
): AsyncIterableIterator<Item> => {
  const iterator = items[Symbol.asyncIterator]();
  const wrapped: AsyncIterableIterator<Item> = {
    [Symbol.asyncIterator]: () => wrapped,
    next: () => around(() => iterator.next()),
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  return wrapped;
};

const isAsyncIterable = (value: object): value is AsyncIterable<ExecutionResult> => Symbol.asyncIterator in value;

/** An error as it is sent: without the HTTP status, which is the other transport's business. */
const toClient = (error: GraphQLFormattedError): GraphQLFormattedError => {
  const { extensions, ...rest } = error instanceof GraphQLError ? error.toJSON() : error;
  const { http, ...shown } = extensions ?? {};
  return { ...rest, extensions: shown };
};

/** A client without an Origin header is no browser. A browser's page must be ours, or on the list. */
const isAllowedOrigin = ({ headers }: IncomingMessage, allowed: readonly string[]): boolean => {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
};

const closeCodeOf = (error: unknown): number => {
  if (error instanceof AuthenticationUnavailableError) return closeCodes.tryAgainLater;
  return error instanceof AuthenticationError && error.expired ? closeCodes.forbidden : closeCodes.unauthorized;
};

/** The reason of a close frame holds at most 123 bytes. */
const closeReason = (message: string): string => (Buffer.byteLength(message) <= 123 ? message : 'Unauthorized');

const refuse = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
};
