import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** What the gauges read when somebody asks; a part that fails leaves its gauges out of that answer. */
export type MetricSources = {
  backlog(): Promise<{ due: number; oldestLatenessMs: number }>;
  outbox(): Promise<{ waiting: number; oldestMs: number }>;
  sinks(): { name: string; lag: number }[];
  audit(): { spooled: number; lost: number };
  /** What the log says was lost. */
  declaredLost(): Promise<number>;
  sockets(): number;
};

/** Prometheus metrics of this process. Times are in seconds, as Prometheus has it. */
export const makeMetrics = ({ backlog, outbox, sinks, audit, declaredLost, sockets }: MetricSources) => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const lateness = new Gauge({
    name: 'flagtrail_schedule_lateness_seconds',
    help: 'How late the oldest due schedule is',
    registers,
  });
  new Gauge({
    name: 'flagtrail_schedules_due',
    help: 'Schedules that are due and not applied yet',
    registers,
    collect() {
      return orLeaveOut([this, lateness], async () => {
        const { due, oldestLatenessMs } = await backlog();
        this.set(due);
        lateness.set(oldestLatenessMs / 1000);
      });
    },
  });
  const outboxAge = new Gauge({
    name: 'flagtrail_sequencer_lag_seconds',
    help: 'How long the oldest committed event has waited for its position',
    registers,
  });
  new Gauge({
    name: 'flagtrail_sequencer_lag_events',
    help: 'Committed events that have no position yet',
    registers,
    collect() {
      return orLeaveOut([this, outboxAge], async () => {
        const { waiting, oldestMs } = await outbox();
        this.set(waiting);
        outboxAge.set(oldestMs / 1000);
      });
    },
  });
  new Gauge({
    name: 'flagtrail_sink_lag_events',
    help: 'Events in the log that a sink has not accepted yet',
    labelNames: ['sink'],
    registers,
    collect() {
      for (const { name, lag } of sinks()) this.set({ sink: name }, lag);
    },
  });
  const lost = new Gauge({
    name: 'flagtrail_audit_lost_events',
    help: 'Events lost for good, in all: those that the log has declared, also for applications, and those it will',
    registers,
  });
  new Gauge({
    name: 'flagtrail_audit_spooled_events',
    help: 'Events on disk that the database has not taken yet',
    registers,
    collect() {
      const { spooled, lost: undeclared } = audit();
      this.set(spooled);
      return orLeaveOut([lost], async () => lost.set((await declaredLost()) + undeclared));
    },
  });
  new Gauge({
    name: 'flagtrail_sockets',
    help: 'Open websockets',
    registers,
    collect() {
      this.set(sockets());
    },
  });

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
    text: () => registry.metrics(),
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
    for (const gauge of gauges) gauge.remove();
  }
};
