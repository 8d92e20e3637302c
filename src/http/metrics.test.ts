import { expect, it } from 'vitest';
import { type MetricSources, makeMetrics } from './metrics.ts';

const sources: MetricSources = {
  backlog: async () => ({ due: 3, oldestLatenessMs: 4500 }),
  outbox: async () => ({ waiting: 7, oldestMs: 250 }),
  sinks: () => [{ name: 'stdout', lag: 5 }],
  audit: () => ({ spooled: 2, lost: 1 }),
  declaredLost: async () => 10,
  sockets: () => 6,
};

/** Flagtrail's own gauges in an answer, by name. */
const valuesIn = (text: string) =>
  Object.fromEntries(
    [...text.matchAll(/^flagtrail_(\w+?)(?:\{[^}]*\})? (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );

it('the very first answer shows what is true now, not what was true at the answer before', async () => {
  expect(valuesIn(await makeMetrics(sources).text())).toEqual({
    schedules_due: 3,
    schedule_lateness_seconds: 4.5,
    sequencer_lag_events: 7,
    sequencer_lag_seconds: 0.25,
    sink_lag_events: 5,
    audit_spooled_events: 2,
    audit_lost_events: 11,
    sockets: 6,
  });
});

it('a source that is out of order leaves its gauges out, and no others', async () => {
  let isDown = false;
  const backlog = async () => (isDown ? Promise.reject(new Error('down')) : sources.backlog());
  const metrics = makeMetrics({ ...sources, backlog });
  await metrics.text();
  isDown = true;
  const values = valuesIn(await metrics.text());
  expect(values).not.toHaveProperty('schedules_due');
  expect(values).not.toHaveProperty('schedule_lateness_seconds');
  expect(values).toMatchObject({ sequencer_lag_events: 7, audit_lost_events: 11 });
});
