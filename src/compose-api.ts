import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { makeAuthenticateByKey, makeAuthenticateEither } from './adapters/api-key/authenticate.ts';
import { sha256 } from './adapters/api-key/sha256.ts';
import { makeKeyWatch } from './adapters/api-key/watch.ts';
import { makeAuthenticate } from './adapters/jwt/authenticate.ts';
import { mintToken } from './adapters/jwt/mint-token.ts';
import { openSigningKey, openVerificationKeys } from './adapters/jwt/open-keys.ts';
import type { Databases } from './adapters/open-database.ts';
import { makeApiKeyStore } from './adapters/prisma/api-key-store.ts';
import { makeAuditLog } from './adapters/prisma/audit-log.ts';
import { toUnavailable } from './adapters/prisma/database-errors.ts';
import { makeFlagStore } from './adapters/prisma/flag-store.ts';
import { makeFindRecorded } from './adapters/prisma/recorded-events.ts';
import { makeCountSchedules } from './adapters/prisma/schedule-counts.ts';
import { makeScheduleStore } from './adapters/prisma/schedule-store.ts';
import { makeServiceStore } from './adapters/prisma/service-store.ts';
import { makeApplyScheduleNow } from './application/apply-schedule-now.ts';
import { makeCancelSchedule, makeCancelSchedules } from './application/cancel-schedule.ts';
import { makeChangeOverrides } from './application/change-overrides.ts';
import { makeChangeRules } from './application/change-rules.ts';
import { makeCreateApiKey } from './application/create-api-key.ts';
import { makeCreateEnvironment } from './application/create-environment.ts';
import { makeCreateFlag } from './application/create-flag.ts';
import { makeCreateSchedule } from './application/create-schedule.ts';
import { makeDeleteEnvironment } from './application/delete-environment.ts';
import { makeDeleteFlag } from './application/delete-flag.ts';
import { makeExportFlags } from './application/export-flags.ts';
import { type Emergency, makeOverrideInEmergency } from './application/override-in-emergency.ts';
import { makeRecordAuditEvents } from './application/record-audit-events.ts';
import { makeRevokeApiKey } from './application/revoke-api-key.ts';
import { makeRunExperiment } from './application/run-experiment.ts';
import { makeSetEnvironmentEnabled } from './application/set-environment-enabled.ts';
import { makeUpdateEnvironment } from './application/update-environment.ts';
import { makeSetFlagStatus, makeUpdateFlag } from './application/update-flag.ts';
import { makeUpdateFlagState } from './application/update-flag-state.ts';
import { makeRetrySchedule, makeUpdateSchedule } from './application/update-schedule.ts';
import { makeFollow } from './audit/follow.ts';
import { makeTail } from './audit/tail.ts';
import type { AuditPipeline } from './compose-audit.ts';
import { composeShares } from './compose-shares.ts';
import { composeThrottles } from './compose-throttles.ts';
import type { Config } from './config.ts';
import { type AuditableRead, flagsExported, flagViewed } from './domain/audit/read-events.ts';
import type { OnRefused } from './domain/limits/refusals.ts';
import { toServiceStatus } from './domain/service/service-status.ts';
import type { App } from './graphql/app.ts';
import type { OnOperation } from './graphql/plugins/operations.ts';
import { makeGraphQLServer } from './graphql/server.ts';
import { makeSocketServer } from './graphql/websocket.ts';
import { makeServeGraphiQL } from './http/graphiql.ts';
import { makePageSignIn } from './http/page-sign-in.ts';
import { makeReadRequestContext } from './http/request-context.ts';
import { requestScope, strangerScope } from './http/request-scope.ts';
import type { Api } from './http/server.ts';
import type { UnreadAnswers } from './http/unread-answers.ts';
import type { Surroundings } from './surroundings.ts';

type Parts = {
  databases: Pick<Databases, 'reads' | 'commands'>;
  pipeline: AuditPipeline;
  unread: UnreadAnswers;
  onOperation: OnOperation;
  onRefused: OnRefused;
};

/** Answers hold what only their reader may see, and GraphiQL's page a token: no cache keeps them, no other page frames them. */
const protectiveHeaders = new Map([
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
]);
const protect = (response: ServerResponse): void => {
  for (const [name, value] of protectiveHeaders) response.setHeader(name, value);
};

const pageTokenLifetimeMs = 12 * 60 * 60 * 1000;

/** For people, in development mode. */
export type Welcome = {
  token: string;
  /** What signs a browser in to GraphiQL's page; null where nothing does. */
  pageCode: string | null;
};

/** What GraphiQL's page says in development mode while it is not signed in. */
const unsignedNote = (canSignIn: boolean): string =>
  canSignIn
    ? 'This page is not signed in. The service printed the address that signs it in, <code>…/graphql?code=…</code>, on its stderr when it started. Open that address on the machine that runs the service, or put a token into Headers, below.'
    : 'This page is not signed in, because other machines may reach it. Put the token that the service printed on its stderr into Headers, below.';

/** The API of a process: GraphQL over HTTP and websockets, and who may use it. */
export const composeApi = async (config: Config, parts: Parts, { logger, clock, newId }: Surroundings) => {
  const { auth } = config;
  if (!auth) throw new Error('the api role without authentication: the settings should have refused it');
  const { pipeline, unread, onOperation, onRefused } = parts;
  const { commands: writes } = parts.databases;
  const shares = composeShares(writes, { connections: config.databaseConnections, onRefused });
  const reads = shares.reading(parts.databases.reads);
  const throttles = composeThrottles(pipeline, { logger, clock });
  const { strangers } = throttles;
  const keys = await openVerificationKeys(auth.keys, { dataDir: config.dataDir, clock, logger });
  // Who calls must be known however much is read.
  const callers = makeApiKeyStore(shares.identifying(writes).prisma);
  const authenticate = makeAuthenticateEither({
    byKey: makeAuthenticateByKey({ keys: callers, clock, logger: strangers }),
    byJwt: makeAuthenticate({ keys, issuer: auth.issuer, audience: auth.audience, groups: config.groups, clock, logger }),
  });
  // It looks after everybody's keys, so it waits in nobody's line.
  const keyWatch = makeKeyWatch({ keys: makeApiKeyStore(writes.prisma), clock, logger });
  const tail = makeTail({ log: pipeline.log, bus: pipeline.bus, logger });
  const log = makeAuditLog(reads.prisma);
  const serviceStore = makeServiceStore(parts.databases.reads);
  const commands = { inTransaction: shares.changing(pipeline.inTransactionOn(writes)), clock, newId };
  const flags = makeFlagStore(reads.prisma);
  const audits = (read: AuditableRead) => config.auditReads.includes(read);
  const app: App = {
    createFlag: makeCreateFlag(commands),
    updateFlag: makeUpdateFlag(commands),
    setFlagStatus: makeSetFlagStatus(commands),
    ...makeChangeRules(commands),
    ...makeChangeOverrides(commands),
    ...makeRunExperiment(commands),
    ...makeOverrideInEmergency({ ...commands, onEmergency: warnOfEmergency(logger) }),
    updateFlagState: makeUpdateFlagState(commands),
    deleteFlag: makeDeleteFlag(commands),
    createEnvironment: makeCreateEnvironment(commands),
    updateEnvironment: makeUpdateEnvironment(commands),
    deleteEnvironment: makeDeleteEnvironment({ ...commands, defaultEnvironment: config.defaultEnvironment }),
    setEnvironmentEnabled: makeSetEnvironmentEnabled(commands),
    createSchedule: makeCreateSchedule(commands),
    updateSchedule: makeUpdateSchedule(commands),
    retrySchedule: makeRetrySchedule(commands),
    applySchedule: makeApplyScheduleNow(commands),
    cancelSchedule: makeCancelSchedule(commands),
    cancelSchedules: makeCancelSchedules(commands),
    createApiKey: makeCreateApiKey({ ...commands, randomBytes, sha256 }),
    revokeApiKey: makeRevokeApiKey(commands),
    recordAuditEvents: makeRecordAuditEvents({ ...commands, findRecorded: makeFindRecorded(writes.prisma) }),
    recordAccessDenied: throttles.recordAccessDenied,
    recordFlagViewed: (caller, flag) => void (audits('viewed') && pipeline.audit.logEvent(flagViewed(caller, flag))),
    exportFlags: makeExportFlags({
      flags,
      onExported: (caller, exported) => void (audits('exported') && pipeline.audit.logEvent(flagsExported(caller, exported))),
    }),
    follow: makeFollow({ log, tail, toUnavailable, takeTurn: shares.takeReplayTurn }),
    readServiceStatus: async () => toServiceStatus(await shares.readingAtOnce(serviceStore.readFacts)),
    flags,
    schedules: makeScheduleStore(reads.prisma),
    countSchedules: makeCountSchedules(reads.prisma),
    apiKeys: makeApiKeyStore(reads.prisma),
    log,
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

  const api: Api = {
    serveFile: (req, res) => {
      protect(res);
      return serveGraphiQL?.(req, res) ?? false;
    },
    handle: (req, res) => {
      const { answer } = res;
      const requestContext = readRequestContext(req);
      res.setHeader('x-request-id', requestContext.requestId ?? '');
      protect(res);
      requestScope.run(strangerScope(requestContext), () => void graphql(req, res, { requestContext, answer }));
    },
    upgrade: sockets.upgrade,
  };
  return {
    api,
    sockets,
    /** What the development banner tells; null where there is no development key. */
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
    /** Says what was held back. Only when the last request has been answered: until then there may be more of it. */
    sayTheRest: throttles.stop,
  };
};

/** Whoever reads the log at night must not have to look for it. */
const warnOfEmergency =
  (logger: Surroundings['logger']) =>
  ({ lifted, ...emergency }: Emergency): void =>
    logger.warn(emergency, lifted ? 'an emergency override was lifted' : 'EMERGENCY OVERRIDE');
