import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { OnRefused } from '../kernel/limits/refusals.ts';

/** Where the gauges get their values when the metrics are requested. */
export type MetricSources = {
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
  outbox(): Promise<{ waiting: number; oldestMs: number }>;
  sinks(): { name: string; lag: number }[];
  audit(): { spooled: number; lost: number };
  /** Lost events that the log declares: those of the service, and those of applications. */
  declaredLost(): Promise<{ flagtrail: number; applications: number }>;
  /** The latest checkpoint; null if there is none yet. */
  checkpoint(): Promise<{ size: number; signedAt: Date } | null>;
  /** Whether this process signs checkpoints; false: it stopped. Null if that is not its part. */
  isSigning(): boolean | null;
  sockets(): number;
  /** Bytes of answers that clients have not read yet. */
  unreadAnswerBytes(): number;
  /** How many milliseconds this process's clock is ahead of the database's; null until it is measured. */
  clockSkewMs(): number | null;
  stdout(): { isUp: boolean; lostLines: number };
};

type Deps = { isDatabaseUp: () => Promise<boolean>; nowMs: () => number };

/**
 * Prometheus metrics of this process, available as soon as it starts. Times are in seconds, as is usual in Prometheus. While
 * the database does not answer, metrics that come from it keep their last value, so that alerts do not resolve; ages still grow.
 */
export const makeMetrics = ({ isDatabaseUp, nowMs }: Deps) => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name, help, labelNames, registers });
  const databaseUp = gauge(
    'flagtrail_database_up',
    'Whether the database answers (1 or 0). While it does not, metrics that come from it keep their last value',
  );
  const due = gauge('flagtrail_schedules_due', 'Schedules that are due and not applied yet; 100000 means 100000 or more');
  const lateness = gauge('flagtrail_schedule_lateness_seconds', 'How many seconds the oldest due schedule is late');
  const outboxEvents = gauge(
    'flagtrail_sequencer_lag_events',
    'Committed events that have no position in the log yet; 100000 means 100000 or more',
  );
  const outboxAge = gauge(
    'flagtrail_sequencer_lag_seconds',
    'How many seconds the oldest committed event has waited for its position',
  );
  const sinkLag = gauge('flagtrail_sink_lag_events', 'Events in the log that a sink has not accepted yet', ['sink']);
  const spooled = gauge('flagtrail_audit_spooled_events', 'Events in the spool, which the database has not taken yet');
  const lost = gauge(
    'flagtrail_audit_lost_events',
    'Events lost for good since the log began. Source flagtrail: those that the log has declared or will declare. Source applications: as applications reported',
    ['source'],
  );
  const checkpointSize = gauge('flagtrail_checkpoint_size', "How many entries the log's latest checkpoint covers");
  const checkpointAge = gauge('flagtrail_checkpoint_age_seconds', 'How many seconds ago the latest checkpoint was signed');
  const signingStopped = gauge(
    'flagtrail_signing_stopped',
    'Whether this process stopped signing checkpoints (1 or 0), because the log contradicts an earlier one, or the key is not its key',
  );
  const openSockets = gauge('flagtrail_sockets', 'Open websockets');
  const unreadBytes = gauge(
    'flagtrail_unread_answer_bytes',
    'Bytes of answers that clients have not read yet, over HTTP and websockets',
  );
  const clockSkew = gauge(
    'flagtrail_clock_skew_seconds',
    "How many seconds this process's clock is ahead of the database's (negative: behind)",
  );
  const stdoutUp = gauge('flagtrail_stdout_up', 'Whether stdout accepts output (1 or 0); 0 for example if its reader has ended');
  const lostLines = gauge('flagtrail_log_lines_lost', 'Log lines of this process that stdout did not accept');
  const ofThisProcess = [spooled, signingStopped, openSockets, unreadBytes, clockSkew, stdoutUp, lostLines];

  let sources: MetricSources | null = null;
  const readings = [
    makeReading(({ backlog }: MetricSources) => backlog(), {
      gauges: [due, lateness],
      show: (found, ageMs) => {
        due.set(found.due);
        lateness.set(found.due > 0 ? (found.oldestLatenessMs + ageMs) / 1000 : 0);
      },
    }),
    makeReading(({ outbox }: MetricSources) => outbox(), {
      gauges: [outboxEvents, outboxAge],
      show: (found, ageMs) => {
        outboxEvents.set(found.waiting);
        outboxAge.set(found.waiting > 0 ? (found.oldestMs + ageMs) / 1000 : 0);
      },
    }),
    makeReading(({ declaredLost }: MetricSources) => declaredLost(), {
      gauges: [lost],
      show: (found) => {
        lost.set({ source: 'flagtrail' }, found.flagtrail + (sources?.audit().lost ?? 0));
        lost.set({ source: 'applications' }, found.applications);
      },
    }),
    makeReading(async ({ checkpoint }: MetricSources) => ({ latest: await checkpoint() }), {
      gauges: [checkpointSize, checkpointAge],
      show: ({ latest }) => {
        checkpointSize.set(latest?.size ?? 0);
        if (latest) checkpointAge.set(Math.max(0, nowMs() - latest.signedAt.getTime()) / 1000);
      },
    }),
  ];

  /** Reads everything before anything is printed. A gauge's own `collect` would run after others have been read. */
  const refresh = async () => {
    const isUp = await isDatabaseUp();
    databaseUp.set(isUp ? 1 : 0);
    // One after the other: with all at once, slow readings could take every connection that readiness needs.
    for (const read of readings) await read(isUp ? sources : null, nowMs());
    if (!sources) return leaveOut(ofThisProcess);
    for (const { name, lag } of sources.sinks()) sinkLag.set({ sink: name }, lag);
    spooled.set(sources.audit().spooled);
    const isSigning = sources.isSigning();
    if (isSigning === null) await leaveOut([signingStopped]);
    else signingStopped.set(isSigning ? 0 : 1);
    openSockets.set(sources.sockets());
    unreadBytes.set(sources.unreadAnswerBytes());
    const stdout = sources.stdout();
    stdoutUp.set(stdout.isUp ? 1 : 0);
    lostLines.set(stdout.lostLines);
    const skewMs = sources.clockSkewMs();
    if (skewMs === null) await leaveOut([clockSkew]);
    else clockSkew.set(skewMs / 1000);
  };

  let answering: Promise<string> | null = null;
  const answer = async () => {
    await refresh();
    return registry.metrics();
  };

  const operations = new Counter({
    name: 'flagtrail_operations_total',
    help: 'GraphQL operations over HTTP and websockets',
    labelNames: ['type', 'failed'],
    registers,
  });
  const refused = new Counter({
    name: 'flagtrail_refused_total',
    help: 'Requests, operations and connections that were refused or cut off because they exceeded the limit of a caller or of this process',
    labelNames: ['reason'],
    registers,
  });
  const schedules = new Counter({
    name: 'flagtrail_schedules_total',
    help: 'Schedules that this process applied or failed',
    labelNames: ['outcome'],
    registers,
  });
  return {
    contentType: registry.contentType,
    /**
     * Adds the sources of the running service. It reads them once immediately, so that there are last values to show if the
     * database then goes down.
     */
    observe: async (started: MetricSources): Promise<void> => {
      sources = started;
      await refresh();
    },
    /** Concurrent requests share one answer. */
    text: (): Promise<string> => {
      answering ??= answer().finally(() => {
        answering = null;
      });
      return answering;
    },
    onOperation: ({ type, failed }: { type: string; failed: boolean }) => operations.inc({ type, failed: String(failed) }),
    onRefused: ((reason) => refused.inc({ reason })) satisfies OnRefused,
    onBatch: ({ applied, failed }: { applied: readonly unknown[]; failed: readonly unknown[] }) => {
      schedules.inc({ outcome: 'applied' }, applied.length);
      schedules.inc({ outcome: 'failed' }, failed.length);
    },
  };
};

export type Metrics = ReturnType<typeof makeMetrics>;

type Reading<Found> = {
  gauges: readonly Gauge[];
  /** Sets the gauges to what was read `ageMs` ago. */
  show: (found: Found, ageMs: number) => void;
};

/** A reading is reused for this long: the database is read at most once a second, however often metrics are requested. */
const freshForMs = 1000;

/** Reads one source and sets its gauges. If that fails, they keep the last reading; if there never was one, they are left out. */
const makeReading = <Found>(read: (sources: MetricSources) => Promise<Found>, { gauges, show }: Reading<Found>) => {
  let known: { found: Found; atMs: number } | null = null;
  return async (sources: MetricSources | null, nowMs: number): Promise<void> => {
    const ageMs = known ? nowMs - known.atMs : Number.POSITIVE_INFINITY;
    const found = sources && (ageMs < 0 || ageMs >= freshForMs) ? await read(sources).catch(() => null) : null;
    if (found) known = { found, atMs: nowMs };
    if (known) show(known.found, nowMs - known.atMs);
    else await leaveOut(gauges);
  };
};

const leaveOut = async (gauges: readonly Gauge[]): Promise<void> => {
  for (const gauge of gauges) for (const { labels } of (await gauge.get()).values) gauge.remove(labels);
};
