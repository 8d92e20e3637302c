import { vi } from 'vitest';
import type { Identity } from '../../src/access/model/actor.ts';
import { makeLoaders, meterReads, schema } from '../../src/compose/schema.ts';
import type { GraphQLApp } from '../../src/graphql/app.ts';
import { subscriptionLimits } from '../../src/graphql/limits.ts';
import type { SubscriptionLimits } from '../../src/graphql/plugins/live-subscriptions.ts';
import { makeGraphQLServer } from '../../src/graphql/server.ts';
import { makeSocketServer } from '../../src/graphql/websocket.ts';
import { makeReadRequestContext } from '../../src/http/request-context.ts';
import { type Api, startHttpServer } from '../../src/http/server.ts';
import { makeUnreadAnswers, type UnreadLimits, unreadLimits } from '../../src/http/unread-answers.ts';
import { makeFairQueue } from '../../src/kernel/limits/fair-queue.ts';
import { atTestEnd } from './at-test-end.ts';
import { json, request } from './raw-http.ts';

export const ada: Identity = {
  actor: { type: 'USER', id: 'ada', name: null, email: null },
  userId: 'ada',
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
};
type Limits = NonNullable<Parameters<typeof makeGraphQLServer>[0]['limits']>;
type Options = {
  limits?: Partial<Limits>;
  /** Limits on answers that wait for their readers. */
  waiting?: Partial<UnreadLimits>;
  subscriptions?: Partial<SubscriptionLimits>;
  /** Limits of each queue of operations. */
  queue?: Partial<Parameters<typeof makeFairQueue>[0]>;
  /** The identity that every token speaks for. */
  identity?: () => Identity;
};

/** GraphQL over HTTP and sockets, on an application of which the test provides only the parts that it uses. */
export const startGraphQL = async (
  app: object,
  { limits = {}, waiting = {}, subscriptions, queue = {}, identity = () => ada }: Options = {},
) => {
  const logger = { debug: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const clock = { now: () => new Date() };
  const onRefused = () => {};
  const shared = {
    authenticate: async () => identity(),
    watchKey: () => () => {},
    allowedOrigins: [],
    onRefused,
    clock,
    logger,
    strangers: logger,
  };
  const bounds = { what: 'operations', places: 100, share: 100, maxWaiting: 100, maxWaitingPerCaller: 100 };
  const queueOf = () => makeFairQueue({ ...bounds, onRefused, ...queue });
  const unread = makeUnreadAnswers({ ...unreadLimits, ...waiting });
  const graphql = makeGraphQLServer({
    ...shared,
    app: app as GraphQLApp,
    schema,
    meterReads,
    makeLoaders,
    introspection: true,
    onOperation: () => {},
    mutationRate: { perSecond: 1000, burst: 1000 },
    queues: { queries: queueOf(), mutations: queueOf() },
    toUnavailable: () => null,
    subscriptions: { ...subscriptionLimits, ...subscriptions },
    limits: { rows: 1000, bytes: 1_000_000, ms: 20_000, readsAtOnce: 4, answerBytes: 10_000, ...limits },
  });
  const readRequestContext = makeReadRequestContext(null);
  const sockets = makeSocketServer({ ...shared, graphql, readRequestContext, unread });
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    readiness: async () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    unread,
    onRefused,
    onError: () => {},
  });
  const handle: Api['handle'] = (req, res) =>
    void graphql(req, res, { requestContext: readRequestContext(req), answer: res.answer });
  server.serve({ handle, upgrade: sockets.upgrade });
  atTestEnd(async () => {
    await sockets.close();
    await server.close(0);
  });
  const url = `${server.url}/graphql`;
  const ask = (query: string) => request(url, json({ query }, { authorization: 'Bearer a-token' }));
  return { url, ask, graphql, unread };
};
