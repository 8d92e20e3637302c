import { expect, it } from 'vitest';
import { type MetricSources, makeMetrics } from './metrics.ts';

const sources: MetricSources = {
  backlog: async () => ({ due: 3, oldestLatenessMs: 4500 }),
  outbox: async () => ({ waiting: 7, oldestMs: 250 }),
  sinks: () => [{ name: 'stdout', lag: 5 }],
  audit: () => ({ spooled: 2, lost: 1 }),
  declaredLost: async () => ({ flagtrail: 10, applications: 4000 }),
  sockets: () => 6,
};

/** Flagtrail's own gauges in an answer, by name. */
const valuesIn = (text: string) =>
  Object.fromEntries([...text.matchAll(/^flagtrail_(\S+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]));

it('the very first answer shows what is true now, not what was true at the answer before', async () => {
  expect(valuesIn(await makeMetrics(sources).text())).toEqual({
    schedules_due: 3,
    schedule_lateness_seconds: 4.5,
    sequencer_lag_events: 7,
    sequencer_lag_seconds: 0.25,
    'sink_lag_events{sink="stdout"}': 5,
    audit_spooled_events: 2,
    'audit_lost_events{source="flagtrail"}': 11,
    'audit_lost_events{source="applications"}': 4000,
    sockets: 6,
  });
});

it('a source that is out of order leaves its gauges out, and no others', async () => {
  let isDown = false;
  const orDown = async <T>(found: Promise<T>) => (isDown ? Promise.reject(new Error('down')) : found);
  const metrics = makeMetrics({
    ...sources,
    backlog: () => orDown(sources.backlog()),
    declaredLost: () => orDown(sources.declaredLost()),
  });
  await metrics.text();
  isDown = true;
  expect(Object.keys(valuesIn(await metrics.text()))).toEqual([
    'sequencer_lag_events',
    'sequencer_lag_seconds',
    'sink_lag_events{sink="stdout"}',
    'audit_spooled_events',
    'sockets',
  ]);
});
