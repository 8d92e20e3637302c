import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuditLog } from '../audit/store/audit-log.ts';
import { outboxLag } from '../audit/store/outbox.ts';
import type { Config } from '../config/config.ts';
import { makeCheckDatabase } from '../database/check-database.ts';
import { describeFailure, toUnavailable } from '../database/database-errors.ts';
import { type Databases, openDatabases } from '../database/open-database.ts';
import { untilMigrated } from '../database/until-migrated.ts';
import { type Metrics, makeMetrics } from '../http/metrics.ts';
import { type HttpServer, type Readiness, startHttpServer } from '../http/server.ts';
import { makeUnreadAnswers, type UnreadAnswers } from '../http/unread-answers.ts';
import { within } from '../kernel/within.ts';
import { warningsOf } from '../process/output.ts';
import type { Surroundings } from '../process/surroundings.ts';
import { makeScheduleStore } from '../schedules/store/schedule-store.ts';
import { makeTicker } from '../schedules/worker/ticker.ts';
import { isLogPath } from '../transparency/http/serve-log.ts';
import { openSigningKey } from '../transparency/signing/signing-key.ts';
import { makeCheckpoints } from '../transparency/store/checkpoint-store.ts';
import { composeApi, type Welcome } from './api.ts';
import { composeApp } from './app.ts';
import { composeHeartbeat } from './heartbeat.ts';
import { composeAudit } from './pipeline.ts';

export type Service = {
  /** The URL of the HTTP side; null if this process has none. */
  url: string | null;
  /** Resolves when everything runs; rejects if it cannot start. */
  started: Promise<void>;
  /** Ends work under way and closes everything. Safe to call twice. */
  stop(): Promise<void>;
};

const restartMs = 1000;
/**
 * Deadlines of a shutdown, from the signal on. First HTTP ends, then the sinks, so that a slow client or CloudWatch leaves time
 * to save what is in memory. Then whatever still waits for the database fails, and events that it has not taken are spooled.
 * After the last deadline nothing is waited for: the process ends within 10 s.
 */
const shutdownMs = { http: 5000, sinks: 6500, database: 8000, everything: 9300 } as const;

type Options = {
  http: boolean;
  /** Called in development mode just before the service is ready. */
  announce: (welcome: Welcome & { url: string }) => void;
};

/** Starts the configured parts. HTTP listens at once; the other parts follow when the database is ready. */
export const startService = async (
  settings: Config,
  surroundings: Surroundings,
  { http: wantsHttp, announce }: Options,
): Promise<Service> => {
  const { logger } = surroundings;
  // Before anything starts: the key may be one that cannot be used.
  const config = await withSigningKey(settings);
  const databases = await openDatabases(config, { pools: 'perUse', schema: 'any' }, logger);
  const stopping = new AbortController();
  let running: Running | null = null;
  let waitingFor = 'the database';

  const checkDatabase = makeCheckDatabase(databases.health);
  const metrics = makeMetrics({
    isDatabaseUp: async () => (await checkDatabase()) === null,
    nowMs: () => surroundings.clock.now().getTime(),
  });
  const readiness = async (): Promise<Readiness> => {
    if (stopping.signal.aborted) return { ready: false, reasons: ['shutting down'] };
    if (!running) return { ready: false, reasons: [`waiting for ${waitingFor}`] };
    const failure = await checkDatabase();
    if (failure !== null) return { ready: false, reasons: [`the database does not answer: ${failure}`] };
    return { ready: true, reasons: [], warnings: running.warnings() };
  };
  const warnOfHttp = (error: Error) => logger.warn({ err: error }, 'could not accept an HTTP connection');
  const unread = makeUnreadAnswers();
  const readMetrics = async () => ({ contentType: metrics.contentType, text: await metrics.text() });
  const edges = {
    host: config.host,
    port: config.port,
    readiness,
    isOfApi: isLogPath,
    metrics: readMetrics,
    unread,
    onError: warnOfHttp,
    onRefused: metrics.onRefused,
  };
  const http = wantsHttp
    ? await startHttpServer(edges).catch(async (error) => {
        await databases.close();
        throw error;
      })
    : null;

  const start = async () => {
    let parts: Running | null = null;
    while (!parts) {
      const ready = await untilMigrated(databases.pipeline, {
        logger,
        stopping: stopping.signal,
        onWait: (what) => (waitingFor = what),
      });
      if (!ready) return;
      // The database can disappear at this moment. It is used before anything has started, so starting again is safe.
      parts = await startParts(config, databases, { surroundings, http, unread, metrics }).catch(async (error) => {
        if (toUnavailable(error) === null) throw error;
        await sleep(restartMs);
        return null;
      });
    }
    const welcome = await parts.welcome?.();
    if (http && welcome) announce({ ...welcome, url: http.url });
    running = parts;
  };
  const started = start();
  let stopped: Promise<void> | undefined;

  const stop = async () => {
    stopping.abort();
    const signalledAt = performance.now();
    const cut = setTimeout(() => {
      logger.warn('the database does not answer in time: requests that wait for it fail, and events are spooled');
      databases.cut();
    }, shutdownMs.database).unref();
    // Both at once: HTTP answers already announce that the connection ends, and sockets close separately.
    const closed = http?.close(shutdownMs.http);
    await started.catch(() => {});
    await Promise.all([running?.stopApi(), running?.stopWorker(), closed]);
    const sinksMs = Math.max(0, signalledAt + shutdownMs.sinks - performance.now());
    await running?.stop({ sinksMs });
    await databases.close();
    clearTimeout(cut);
  };
  const stopInTime = async () => {
    if (await within(shutdownMs.everything, stop())) return;
    logger.error(`not everything ended within ${shutdownMs.everything / 1000} s: the process ends anyway`);
  };
  return {
    url: http?.url ?? null,
    started,
    stop: () => (stopped ??= stopInTime()),
  };
};

const withSigningKey = async (config: Config): Promise<Config> => {
  const { roles, logSigningKey: source } = config;
  if (!roles.includes('audit') || !source) return config;
  return { ...config, logSigningKey: { kind: 'key', key: await openSigningKey(source, config) } };
};

type Running = Awaited<ReturnType<typeof startParts>>;

type StartedFirst = { surroundings: Surroundings; http: HttpServer | null; unread: UnreadAnswers; metrics: Metrics };

const startParts = async (config: Config, databases: Databases, { surroundings, http, unread, metrics }: StartedFirst) => {
  const { logger } = surroundings;
  const pipeline = await composeAudit(config, databases.pipeline, surroundings);
  const heartbeat = composeHeartbeat(config, databases.pipeline, { ...pipeline, surroundings });
  const wantsApi = config.roles.includes('api') && http;
  const { onOperation, onRefused } = metrics;
  const api = wantsApi ? await composeApi(config, { databases, pipeline, unread, onOperation, onRefused }, surroundings) : null;
  const worker = { inTransaction: pipeline.inTransactionOn(databases.worker), reads: databases.worker, audit: pipeline.audit };
  const { applyDueSchedules } = composeApp(config, worker, surroundings);
  const ticker = config.roles.includes('worker')
    ? makeTicker({
        schedule: config.scheduleCron,
        applyDue: applyDueSchedules,
        logger,
        onBatch: metrics.onBatch,
        describe: describeFailure,
        onOutcome: heartbeat.noteWorker,
      })
    : null;

  await metrics.observe({
    backlog: makeScheduleStore(databases.health.prisma).backlog,
    outbox: () => outboxLag(databases.health.prisma),
    sinks: pipeline.sinks,
    audit: pipeline.spool.counts,
    declaredLost: makeAuditLog(databases.health.prisma).declaredLost,
    checkpoint: makeCheckpoints(databases.health.prisma).latest,
    isSigning: () => (config.roles.includes('audit') ? pipeline.signingRefusal() === null : null),
    sockets: () => api?.sockets.count() ?? 0,
    unreadAnswerBytes: unread.bytes,
    clockSkewMs: heartbeat.clockSkewMs,
    stdout: () => ({ isUp: surroundings.stdout.trouble() === null, lostLines: surroundings.stdout.lostLines() }),
  });

  pipeline.start();
  ticker?.start();
  heartbeat.start();
  if (api) http?.serve(api.api);
  logger.info({ roles: config.roles, database: databases.pipeline.kind, url: http?.url }, 'started');
  return {
    welcome: api?.welcome,
    warnings: () => [...heartbeat.warnings(), ...warningsOf(surroundings.stdout)],
    stopApi: async () => api?.stop(),
    stopWorker: async () => {
      await Promise.all([ticker?.stop(), heartbeat.stop()]);
    },
    stop: async (deadlines: { sinksMs: number }) => {
      api?.flushThrottles();
      await pipeline.stop(deadlines);
      logger.info('stopped');
    },
  };
};
