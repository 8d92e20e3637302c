import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { OnRefused } from '../kernel/limits/refusals.ts';

/** What the gauges read when somebody asks. */
export type MetricSources = {
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
  outbox(): Promise<{ waiting: number; oldestMs: number }>;
  sinks(): { name: string; lag: number }[];
  audit(): { spooled: number; lost: number };
  /** Events that the log itself says were lost: the service's own, and those of applications. */
  declaredLost(): Promise<{ flagtrail: number; applications: number }>;
  sockets(): number;
  /** Bytes of answers that wait for their readers. */
  unreadAnswerBytes(): number;
  /** How far this process's clock is ahead of the database's; null: not measured yet. */
  clockSkewMs(): number | null;
  stdout(): { isUp: boolean; lostLines: number };
};

type Deps = { isDatabaseUp: () => Promise<boolean>; nowMs: () => number };

/**
 * Prometheus metrics of this process, from its first moment on. Times are in seconds, as Prometheus has it. What only the
 * database knows keeps its last known value while that does not answer, so that alerts go on; ages go on growing meanwhile.
 */
export const makeMetrics = ({ isDatabaseUp, nowMs }: Deps) => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name, help, labelNames, registers });
  const databaseUp = gauge(
    'flagtrail_database_up',
    'Whether the database answers: 1, or 0; then what it alone knows is as of its last answer',
  );
  const due = gauge('flagtrail_schedules_due', 'Schedules that are due and not applied yet; 100000 stands for that many or more');
  const lateness = gauge('flagtrail_schedule_lateness_seconds', 'How late the oldest due schedule is');
  const outboxEvents = gauge(
    'flagtrail_sequencer_lag_events',
    'Committed events that have no position yet; 100000 stands for that many or more',
  );
  const outboxAge = gauge('flagtrail_sequencer_lag_seconds', 'How long the oldest committed event has waited for its position');
  const sinkLag = gauge('flagtrail_sink_lag_events', 'Events in the log that a sink has not accepted yet', ['sink']);
  const spooled = gauge('flagtrail_audit_spooled_events', 'Events on disk that the database has not taken yet');
  const lost = gauge(
    'flagtrail_audit_lost_events',
    'Events lost for good, in all: by Flagtrail, those that the log has declared and those it will; by applications, as they say',
    ['source'],
  );
  const openSockets = gauge('flagtrail_sockets', 'Open websockets');
  const unreadBytes = gauge('flagtrail_unread_answer_bytes', 'Bytes of answers that wait for their readers, HTTP and websockets');
  const clockSkew = gauge(
    'flagtrail_clock_skew_seconds',
    "How far this process's clock is ahead of the database's; negative: behind",
  );
  const stdoutUp = gauge(
    'flagtrail_stdout_up',
    'Whether stdout takes what this process writes: 1, or 0, as when its reader has gone',
  );
  const lostLines = gauge('flagtrail_log_lines_lost', 'Log lines of this process, in all, that stdout did not take');
  const ofThisProcess = [spooled, openSockets, unreadBytes, clockSkew, stdoutUp, lostLines];

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
  ];

  /** All before anything is printed: a gauge's own `collect` runs when others have been read already. */
  const refresh = async () => {
    const isUp = await isDatabaseUp();
    databaseUp.set(isUp ? 1 : 0);
    // One after the other: a reading that takes its time must not keep readiness from being asked for.
    for (const read of readings) await read(isUp ? sources : null, nowMs());
    if (!sources) return leaveOut(ofThisProcess);
    for (const { name, lag } of sources.sinks()) sinkLag.set({ sink: name }, lag);
    spooled.set(sources.audit().spooled);
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
    help: 'GraphQL operations, over HTTP and websockets',
    labelNames: ['type', 'failed'],
    registers,
  });
  const refused = new Counter({
    name: 'flagtrail_refused_total',
    help: "What was refused or cut off because it was more than a caller's share, or than this process takes",
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
    /** From now on there is more to tell. It is read once at once: who asks first while the database is down sees its last values, too. */
    observe: async (started: MetricSources): Promise<void> => {
      sources = started;
      await refresh();
    },
    /** Whoever asks while an answer is made gets the same one. */
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
  /** Sets the gauges to what was found some time ago. */
  show: (found: Found, ageMs: number) => void;
};

/** What was read so recently is not read again: however many ask, the database is asked once a second. */
const freshForMs = 1000;

/** Reads one source and shows it; while that fails, what it said last; its gauges are left out where it never said anything. */
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
