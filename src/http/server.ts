import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { retryAfterMs } from '../kernel/database-unavailable.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import { boundIdleConnections, type IdleLimits } from './idle-connections.ts';
import { inTurn, maxPipelined } from './in-turn.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { pathOf } from './request-context.ts';
import { drainDeadlineMs, TrackedResponse } from './tracked-response.ts';
import type { UnreadAnswers } from './unread-answers.ts';
import { endUnlessRead } from './unread-body.ts';

export type Readiness = {
  ready: boolean;
  /** Why the process is not ready, for people. */
  reasons: string[];
  /** Problems of the service that do not keep this process from working. */
  warnings?: readonly string[];
};

type Deps = {
  host: string;
  port: number;
  readiness: () => Promise<Readiness>;
  /** Whether the API serves a path besides /graphql. Until the API is added, such a path is not ready instead of not found. */
  isOfApi?: (path: string) => boolean;
  metrics: () => Promise<{ contentType: string; text: string }>;
  /** Is called with errors of connections that could not be accepted, for example because the process has too many open files. */
  onError: (error: Error) => void;
  unread: Pick<UnreadAnswers, 'open'>;
  /** Milliseconds without progress after which the connection of a client that does not read its answer is ended. */
  drainMs?: number;
  onRefused: OnRefused;
  limits?: Partial<typeof connectionLimits>;
};

/** Limits on connections. */
const connectionLimits = {
  /** Connections without a request under way. */
  idle: { max: 10_000, maxPerAddress: 2_500 } satisfies IdleLimits,
  /** All connections, including websockets. More would come close to the limits of the operating system. */
  connections: 30_000,
  /** Milliseconds from the start of a connection, or the first byte of a request, to the end of the headers. */
  headersMs: 10_000,
  /** Milliseconds to the end of the body. */
  requestMs: 60_000,
  checkMs: 2_000,
};

/** The API. It is added once the database is ready. */
export type Api = {
  handle: (request: IncomingMessage, response: TrackedResponse) => void;
  /** Answers a request for anything else, such as a page. Returns false if there is nothing to serve. */
  serveOther?: (request: IncomingMessage, response: TrackedResponse) => boolean;
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
};

export type HttpServer = {
  /** The address that it listens on, for example http://127.0.0.1:4000. */
  url: string;
  serve(api: Api): void;
  /** Accepts no more connections. Resolves when the requests under way are answered, or after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
};

/** Starts the HTTP server of a process: health, readiness, metrics, and the API if the process has that role. */
export const startHttpServer = async ({
  host,
  port,
  readiness,
  isOfApi = () => false,
  metrics,
  unread,
  onError,
  drainMs = drainDeadlineMs,
  onRefused,
  limits: given = {},
}: Deps): Promise<HttpServer> => {
  let api: Api | null = null;
  let isClosing = false;
  const underWay = new Set<ServerResponse>();
  const limits = { ...connectionLimits, ...given };
  const timeouts = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
  };
  const handle = (request: IncomingMessage, response: TrackedResponse) => {
    if (!hasUsableHost(request)) return sendJson(response, 400, { error: 'the Host header is not a valid host' });
    const path = pathOf(request);
    if (path === '/healthz') return sendJson(response, 200, { status: 'ok' });
    if (path === '/readyz') return void readiness().then((found) => sendReadiness(response, found));
    if (path === '/metrics') return void metrics().then((found) => sendMetrics(response, found));
    if (path === '/' && api) return void response.writeHead(302, { location: '/graphql' }).end();
    if (api?.serveOther?.(request, response)) return;
    if (path === '/graphql' && api) return api.handle(request, response);
    if (path === '/graphql' || isOfApi(path)) return void readiness().then(({ reasons }) => sendNotReady(response, reasons));
    sendJson(response, 404, { error: `there is nothing at ${path}; the API is at /graphql` });
  };
  const handleInTurn = inTurn(handle, (_request, response) => sendTooManyAhead(response));
  const server = createServer({ ...timeouts, IncomingMessage, ServerResponse: TrackedResponse }, (request, response) => {
    underWay.add(response);
    response.on('close', () => underWay.delete(response));
    response.track({ answer: unread.open(), drainMs });
    if (isClosing) endConnectionAfter(response);
    endUnlessRead(request, response);
    handleInTurn(request, response);
  });
  // Longer than load balancers keep idle connections (usually 60 s). Otherwise they could send a request into a closing
  // connection.
  server.keepAliveTimeout = 65_000;
  server.maxConnections = limits.connections;
  boundIdleConnections(server, { ...limits.idle, onCutOff: () => onRefused('idle_connection') });
  server.on('upgrade', (request, socket, head) => {
    // From here on we own the socket. Without an error handler, a reset during a refusal would end the process.
    socket.on('error', () => socket.destroy());
    if (api) api.upgrade(request, socket, head);
    else refuseUpgrade(socket, '503 Service Unavailable');
  });
  await listen(server, host, port);
  server.on('error', onError);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    serve: (started) => {
      api = started;
    },
    close: (deadlineMs) => {
      isClosing = true;
      for (const response of underWay) endConnectionAfter(response);
      return close(server, deadlineMs);
    },
  };
};

/** Whether the Host header makes a valid URL, which later code relies on. HTTP/1.0 requests can lack the header. */
const hasUsableHost = ({ headers: { host } }: IncomingMessage): boolean => !host || URL.canParse(`http://${host}/`);

const listen = (server: Server, host: string, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });

/**
 * Sends `Connection: close` unless the headers are already sent. Otherwise a client that keeps sending would delay a shutdown.
 */
const endConnectionAfter = (response: ServerResponse): void => {
  response.shouldKeepAlive = false;
};

const sweepMs = 50;

const close = async (server: Server, deadlineMs: number): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A connection becomes idle once its answer is sent, and its client could keep it open as long as it likes.
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs);
  const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
};

const sendJson = (response: ServerResponse, status: number, body: object): void => {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
};

const sendReadiness = (response: ServerResponse, { ready, reasons, warnings = [] }: Readiness) =>
  sendJson(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', reasons, warnings });

const sendNotReady = (response: ServerResponse, reasons: string[]) =>
  sendJson(response.setHeader('retry-after', String(Math.ceil(retryAfterMs / 1000))), 503, {
    errors: [{ message: `not ready: ${reasons.join('; ')}`, extensions: { code: 'NOT_READY', retryAfterMs } }],
  });

const sendTooManyAhead = (response: ServerResponse) => {
  const message = `a connection can have at most ${maxPipelined} requests waiting for an answer: wait for answers, or open another connection`;
  endConnectionAfter(response);
  sendJson(response.setHeader('retry-after', '1'), 429, {
    errors: [{ message, extensions: { code: 'RATE_LIMITED', retryAfterMs: 1000 } }],
  });
};

const sendMetrics = (response: ServerResponse, { contentType, text }: { contentType: string; text: string }) => {
  response.writeHead(200, { 'content-type': contentType }).end(text);
};
