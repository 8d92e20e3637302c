import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { makeAuthenticate } from '../access/jwt/authenticate.ts';
import { mintToken } from '../access/jwt/mint-token.ts';
import { openSigningKey, openVerificationKeys } from '../access/jwt/open-keys.ts';
import type { RequestContext } from '../access/model/actor.ts';
import { makeAuthenticateByKey, makeAuthenticateEither } from '../api-keys/authentication/authenticate.ts';
import { makeKeyWatch } from '../api-keys/authentication/watch.ts';
import { makeApiKeyStore } from '../api-keys/store/api-key-store.ts';
import { makeFollow } from '../audit/log/follow.ts';
import { makeTail } from '../audit/log/tail.ts';
import type { Config } from '../config/config.ts';
import { toUnavailable } from '../database/database-errors.ts';
import type { Databases } from '../database/open-database.ts';
import type { OnOperation } from '../graphql/plugins/operations.ts';
import { makeGraphQLServer } from '../graphql/server.ts';
import { makeSocketServer } from '../graphql/websocket.ts';
import { makeServeGraphiQL } from '../http/graphiql.ts';
import { makeIdentify } from '../http/identify.ts';
import { makePageSignIn, unsignedNote } from '../http/page-sign-in.ts';
import { protect } from '../http/protect.ts';
import { makeReadRequestContext, pathOf } from '../http/request-context.ts';
import { requestScope, strangerScope } from '../http/request-scope.ts';
import type { Api } from '../http/server.ts';
import type { TrackedResponse } from '../http/tracked-response.ts';
import { makeUnreadAnswers, type UnreadAnswers, unreadByStrangers } from '../http/unread-answers.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { toServiceStatus } from '../service/model/service-status.ts';
import { makeServiceStore } from '../service/store/service-store.ts';
import { isLogPath, makeServeLog } from '../transparency/http/serve-log.ts';
import { composeApp } from './app.ts';
import type { AuditPipeline } from './pipeline.ts';
import { makeLoaders, meterReads, schema } from './schema.ts';
import { composeShares } from './shares.ts';
import { composeThrottles } from './throttles.ts';

type Parts = {
  databases: Pick<Databases, 'reads' | 'commands'>;
  pipeline: AuditPipeline;
  unread: UnreadAnswers;
  onOperation: OnOperation;
  onRefused: OnRefused;
};

const pageTokenLifetimeMs = 12 * 60 * 60 * 1000;

/** What a developer needs to start in development mode. */
export type Welcome = {
  token: string;
  /** The code that signs a browser in to GraphiQL's page; null if that page has no sign-in. */
  pageCode: string | null;
};

/** Wires the API of a process: GraphQL over HTTP and websockets, and authentication. */
export const composeApi = async (config: Config, parts: Parts, surroundings: Surroundings) => {
  const { logger, clock } = surroundings;
  const { auth } = config;
  if (!auth) throw new Error('the role api needs authentication: the settings should have refused this');
  const { pipeline, unread, onOperation, onRefused } = parts;
  const { commands: writes } = parts.databases;
  const shares = composeShares(writes, { connections: config.databaseConnections, onRefused });
  const reads = shares.reading(parts.databases.reads);
  const throttles = composeThrottles(pipeline, { logger, clock });
  const { strangers } = throttles;
  const keys = await openVerificationKeys(auth.keys, { dataDir: config.dataDir, clock, logger });
  // Authentication does not share connections with reads, so that heavy reading cannot delay it.
  const callers = makeApiKeyStore(shares.identifying(writes).prisma);
  const authenticate = makeAuthenticateEither({
    byKey: makeAuthenticateByKey({ keys: callers, clock, logger: strangers }),
    byJwt: makeAuthenticate({ keys, issuer: auth.issuer, audience: auth.audience, groups: config.groups, clock, logger }),
  });
  // It watches the keys of all callers, so it waits in no caller's queue.
  const keyWatch = makeKeyWatch({ keys: makeApiKeyStore(writes.prisma), clock, logger });
  const tail = makeTail({ log: pipeline.log, bus: pipeline.bus, logger });
  const serviceStore = makeServiceStore(parts.databases.reads);
  const inTransaction = shares.changing(pipeline.inTransactionOn(writes));
  const useCases = composeApp(config, { inTransaction, reads, writes, audit: pipeline.audit }, surroundings);
  const app = {
    ...useCases,
    recordAccessDenied: throttles.recordAccessDenied,
    follow: makeFollow({ log: useCases.log, tail, toUnavailable, takeTurn: shares.takeReplayTurn }),
    readServiceStatus: async () => toServiceStatus(await shares.readingAtOnce(serviceStore.readFacts)),
  };

  const mintPageToken = async (lifetimeMs: number) => {
    const secret = await openSigningKey(auth.keys, { dataDir: config.dataDir });
    if (!secret) throw new Error('no key to sign with');
    const { issuer, audience } = auth;
    const groups = config.groups.admin.slice(0, 1);
    return mintToken({
      secret,
      issuer,
      audience,
      subject: 'developer',
      email: 'developer@localhost',
      name: 'Developer',
      groups,
      lifetimeMs,
      now: clock.now(),
    });
  };
  const signIn = config.signedInPage
    ? makePageSignIn({ mintToken: () => mintPageToken(pageTokenLifetimeMs), randomBytes })
    : null;
  const isDevelopment = auth.keys.kind === 'development';
  const serveGraphiQL = config.graphiql
    ? makeServeGraphiQL({ signIn, note: isDevelopment ? unsignedNote(signIn !== null) : null, logger })
    : null;
  const { allowedOrigins, introspection } = config;
  const graphql = makeGraphQLServer({
    app,
    schema,
    meterReads,
    makeLoaders,
    authenticate,
    watchKey: keyWatch.watch,
    introspection,
    allowedOrigins,
    onOperation,
    mutationRate: config.mutationRate,
    onRefused,
    queues: shares,
    clock,
    toUnavailable,
    logger,
    strangers,
  });
  const readRequestContext = makeReadRequestContext(config.trustedProxies);
  const sockets = makeSocketServer({
    graphql,
    authenticate,
    watchKey: keyWatch.watch,
    readRequestContext,
    unread,
    allowedOrigins,
    clock,
    logger,
    strangers,
    onRefused,
  });

  const serveLog = makeServeLog({
    tiles: app.tree,
    checkpoints: app.checkpoints,
    isPublic: config.logPublic,
    identify: makeIdentify(authenticate),
    recordAccessDenied: app.recordAccessDenied,
    queues: { callers: shares.queries, strangers: shares.strangersReads },
    unreadByStrangers: makeUnreadAnswers(unreadByStrangers),
    toUnavailable,
    strangers,
  });
  /** Runs what answers a request, as work of its sender. */
  const asRequest = (req: IncomingMessage, res: TrackedResponse, answer: (requestContext: RequestContext) => void) => {
    const requestContext = readRequestContext(req);
    res.setHeader('x-request-id', requestContext.requestId ?? '');
    protect(res);
    requestScope.run(strangerScope(requestContext), () => answer(requestContext));
  };

  const api: Api = {
    serveOther: (req, res) => {
      if (isLogPath(pathOf(req))) {
        asRequest(req, res, (requestContext) => serveLog(req, res, requestContext));
        return true;
      }
      protect(res);
      return serveGraphiQL?.(req, res) ?? false;
    },
    handle: (req, res) => asRequest(req, res, (requestContext) => void graphql(req, res, { requestContext, answer: res.answer })),
    upgrade: sockets.upgrade,
  };
  return {
    api,
    sockets,
    /** What the development banner shows; null without a development key. */
    welcome: isDevelopment
      ? async (): Promise<Welcome> => ({
          token: await mintPageToken(30 * 24 * 60 * 60 * 1000),
          pageCode: (config.graphiql && signIn?.code) || null,
        })
      : null,
    stop: async () => {
      await sockets.close();
      keyWatch.stop();
      await tail.stop();
    },
    /** Logs what the throttles held back. Call it after the last request is answered: until then more can come. */
    flushThrottles: throttles.stop,
  };
};
