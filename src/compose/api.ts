import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { makeAuthenticate } from '../access/jwt/authenticate.ts';
import { mintToken } from '../access/jwt/mint-token.ts';
import { openSigningKey, openVerificationKeys } from '../access/jwt/open-keys.ts';
import { makeAuthenticateByKey, makeAuthenticateEither } from '../api-keys/authentication/authenticate.ts';
import { sha256 } from '../api-keys/authentication/sha256.ts';
import { makeKeyWatch } from '../api-keys/authentication/watch.ts';
import { makeCreateApiKey } from '../api-keys/commands/create-api-key.ts';
import { makeRevokeApiKey } from '../api-keys/commands/revoke-api-key.ts';
import { makeApiKeyStore } from '../api-keys/store/api-key-store.ts';
import { makeRecordAuditEvents } from '../applications/commands/record-audit-events.ts';
import { makeFindRecorded } from '../applications/store/find-recorded.ts';
import { makeFollow } from '../audit/log/follow.ts';
import { makeTail } from '../audit/log/tail.ts';
import { makeAuditLog } from '../audit/store/audit-log.ts';
import type { Config } from '../config/config.ts';
import { toUnavailable } from '../database/database-errors.ts';
import type { Databases } from '../database/open-database.ts';
import { makeCreateEnvironment } from '../environments/commands/create-environment.ts';
import { makeDeleteEnvironment } from '../environments/commands/delete-environment.ts';
import { makeSetEnvironmentEnabled } from '../environments/commands/set-environment-enabled.ts';
import { makeUpdateEnvironment } from '../environments/commands/update-environment.ts';
import { makeExportFlags } from '../flagd/commands/export-flags.ts';
import { makeChangeOverrides } from '../flags/commands/change-overrides.ts';
import { makeChangeRules } from '../flags/commands/change-rules.ts';
import { makeCreateFlag } from '../flags/commands/create-flag.ts';
import { makeDeleteFlag } from '../flags/commands/delete-flag.ts';
import { type Emergency, makeOverrideInEmergency } from '../flags/commands/override-in-emergency.ts';
import { makeRunExperiment } from '../flags/commands/run-experiment.ts';
import { makeSetFlagStatus, makeUpdateFlag } from '../flags/commands/update-flag.ts';
import { makeUpdateFlagState } from '../flags/commands/update-flag-state.ts';
import { type AuditableRead, flagsExported, flagViewed } from '../flags/model/flag-reads.ts';
import { makeFlagStore } from '../flags/store/flag-store.ts';
import type { App } from '../graphql/app.ts';
import type { OnOperation } from '../graphql/plugins/operations.ts';
import { makeGraphQLServer } from '../graphql/server.ts';
import { makeSocketServer } from '../graphql/websocket.ts';
import { makeServeGraphiQL } from '../http/graphiql.ts';
import { makePageSignIn } from '../http/page-sign-in.ts';
import { makeReadRequestContext } from '../http/request-context.ts';
import { requestScope, strangerScope } from '../http/request-scope.ts';
import type { Api } from '../http/server.ts';
import type { UnreadAnswers } from '../http/unread-answers.ts';
import type { OnRefused } from '../kernel/limits/refusals.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { makeApplyScheduleNow } from '../schedules/commands/apply-schedule-now.ts';
import { makeCancelSchedule, makeCancelSchedules } from '../schedules/commands/cancel-schedule.ts';
import { makeCreateSchedule } from '../schedules/commands/create-schedule.ts';
import { makeRetrySchedule, makeUpdateSchedule } from '../schedules/commands/update-schedule.ts';
import { makeCountSchedules } from '../schedules/store/schedule-counts.ts';
import { makeScheduleStore } from '../schedules/store/schedule-store.ts';
import { toServiceStatus } from '../service/model/service-status.ts';
import { makeServiceStore } from '../service/store/service-store.ts';
import type { AuditPipeline } from './pipeline.ts';
import { composeShares } from './shares.ts';
import { composeThrottles } from './throttles.ts';

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
