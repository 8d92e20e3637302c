import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { AuditLog } from '../ports/audit-log.ts';

/** What the gauges read when somebody asks; a part that fails leaves its gauges out of that answer. */
export type MetricSources = {
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
  outbox(): Promise<{ waiting: number; oldestMs: number }>;
  sinks(): { name: string; lag: number }[];
  audit(): { spooled: number; lost: number };
  declaredLost: AuditLog['declaredLost'];
  sockets(): number;
};

/** Prometheus metrics of this process. Times are in seconds, as Prometheus has it. */
export const makeMetrics = ({ backlog, outbox, sinks, audit, declaredLost, sockets }: MetricSources) => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name, help, labelNames, registers });
  const due = gauge('flagtrail_schedules_due', 'Schedules that are due and not applied yet');
  const lateness = gauge('flagtrail_schedule_lateness_seconds', 'How late the oldest due schedule is');
  const outboxEvents = gauge('flagtrail_sequencer_lag_events', 'Committed events that have no position yet');
  const outboxAge = gauge('flagtrail_sequencer_lag_seconds', 'How long the oldest committed event has waited for its position');
  const sinkLag = gauge('flagtrail_sink_lag_events', 'Events in the log that a sink has not accepted yet', ['sink']);
  const spooled = gauge('flagtrail_audit_spooled_events', 'Events on disk that the database has not taken yet');
  const lost = gauge(
    'flagtrail_audit_lost_events',
    'Events lost for good, in all: by Flagtrail, those that the log has declared and those it will; by applications, as they say',
    ['source'],
  );
  const openSockets = gauge('flagtrail_sockets', 'Open websockets');

  /** All before anything is printed: a gauge's own `collect` runs when others have been read already. */
  const refresh = async () => {
    for (const { name, lag } of sinks()) sinkLag.set({ sink: name }, lag);
    const { spooled: waiting, lost: undeclared } = audit();
    spooled.set(waiting);
    openSockets.set(sockets());
    await Promise.all([
      orLeaveOut([due, lateness], async () => {
        const found = await backlog();
        due.set(found.due);
        lateness.set(found.oldestLatenessMs / 1000);
      }),
      orLeaveOut([outboxEvents, outboxAge], async () => {
        const found = await outbox();
        outboxEvents.set(found.waiting);
        outboxAge.set(found.oldestMs / 1000);
      }),
      orLeaveOut([lost], async () => {
        const found = await declaredLost();
        lost.set({ source: 'flagtrail' }, found.flagtrail + undeclared);
        lost.set({ source: 'applications' }, found.applications);
      }),
    ]);
  };

  const operations = new Counter({
    name: 'flagtrail_operations_total',
    help: 'GraphQL operations, over HTTP and websockets',
    labelNames: ['type', 'failed'],
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
    text: async () => {
      await refresh();
      return registry.metrics();
    },
    onOperation: ({ type, failed }: { type: string; failed: boolean }) => operations.inc({ type, failed: String(failed) }),
    onBatch: ({ applied, failed }: { applied: readonly unknown[]; failed: readonly unknown[] }) => {
      schedules.inc({ outcome: 'applied' }, applied.length);
      schedules.inc({ outcome: 'failed' }, failed.length);
    },
  };
};

export type Metrics = ReturnType<typeof makeMetrics>;

/** A source that is out of order must not take the other metrics with it: its gauges are left out instead of being stale. */
const orLeaveOut = async (gauges: readonly Gauge[], read: () => Promise<void>): Promise<void> => {
  try {
    await read();
  } catch {
    for (const gauge of gauges) for (const { labels } of (await gauge.get()).values) gauge.remove(labels);
  }
};
