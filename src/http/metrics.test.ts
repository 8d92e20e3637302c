import { expect, it } from 'vitest';
import { type MetricSources, makeMetrics } from './metrics.ts';

const sources: MetricSources = {
  backlog: async () => ({ due: 3, oldestLatenessMs: 4500 }),
  outbox: async () => ({ waiting: 7, oldestMs: 250 }),
  sinks: () => [{ name: 'stdout', lag: 5 }],
  audit: () => ({ spooled: 2, lost: 1 }),
  declaredLost: async () => ({ flagtrail: 10, applications: 4000 }),
  checkpoint: async () => ({ size: 12, signedAt: new Date(-2500) }),
  isSigning: () => true,
  sockets: () => 6,
  unreadAnswerBytes: () => 12,
  clockSkewMs: () => -1500,
  stdout: () => ({ isUp: false, lostLines: 8 }),
};

/** The metrics of a process whose database and clock its test has in hand. */
const aProcess = () => {
  const world = { isUp: true, nowMs: 0 };
  return { world, metrics: makeMetrics({ isDatabaseUp: async () => world.isUp, nowMs: () => world.nowMs }) };
};

/** Flagtrail's own gauges in an answer, by name. */
const valuesIn = (text: string) =>
  Object.fromEntries([...text.matchAll(/^flagtrail_(\S+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]));

const all = {
  database_up: 1,
  schedules_due: 3,
  schedule_lateness_seconds: 4.5,
  sequencer_lag_events: 7,
  sequencer_lag_seconds: 0.25,
  'sink_lag_events{sink="stdout"}': 5,
  audit_spooled_events: 2,
  'audit_lost_events{source="flagtrail"}': 11,
  'audit_lost_events{source="applications"}': 4000,
  checkpoint_size: 12,
  checkpoint_age_seconds: 2.5,
  signing_stopped: 0,
  sockets: 6,
  unread_answer_bytes: 12,
  clock_skew_seconds: -1.5,
  stdout_up: 0,
  log_lines_lost: 8,
};

it('the very first answer shows what is true now, not what was true at the answer before', async () => {
  const { metrics } = aProcess();
  await metrics.observe(sources);
  expect(valuesIn(await metrics.text())).toEqual(all);
});

it('a process that stopped signing says so, and one that never signs says nothing', async () => {
  for (const [isSigning, shown] of [
    [false, 1],
    [null, undefined],
  ] as const) {
    const { metrics } = aProcess();
    await metrics.observe({ ...sources, isSigning: () => isSigning });
    expect(valuesIn(await metrics.text()).signing_stopped).toBe(shown);
  }
});

it('before the process is ready only the database is known, and the process itself', async () => {
  const { metrics, world } = aProcess();
  world.isUp = false;
  const text = await metrics.text();
  expect(valuesIn(text)).toEqual({ database_up: 0 });
  expect(text).toMatch(/^process_cpu_seconds_total /m);
});

it('while the database is down what it knew stays, and what waits there gets older', async () => {
  const { metrics, world } = aProcess();
  const down = async () => Promise.reject(new Error('down'));
  const orDown = <T>(read: () => Promise<T>) => (world.isUp ? read() : down());
  await metrics.observe({
    ...sources,
    backlog: () => orDown(sources.backlog),
    outbox: () => orDown(sources.outbox),
    declaredLost: () => orDown(sources.declaredLost),
    audit: () => ({ spooled: world.isUp ? 2 : 9, lost: 1 }),
  });
  await metrics.text();
  Object.assign(world, { isUp: false, nowMs: 60_000 });
  const later = {
    database_up: 0,
    checkpoint_age_seconds: 62.5,
    schedule_lateness_seconds: 64.5,
    sequencer_lag_seconds: 60.25,
    audit_spooled_events: 9,
  };
  expect(valuesIn(await metrics.text())).toEqual({ ...all, ...later });
});

it('what it knew is there also where nobody had asked before the database went down', async () => {
  const { metrics, world } = aProcess();
  await metrics.observe(sources);
  world.isUp = false;
  expect(valuesIn(await metrics.text())).toEqual({ ...all, database_up: 0 });
});

it('sixty who ask at the same time get one answer, and within a second the database is not asked again for what it said', async () => {
  const { world, metrics } = aProcess();
  let asked = 0;
  await metrics.observe({
    ...sources,
    backlog: async () => {
      asked += 1;
      return { due: asked, oldestLatenessMs: 4500 };
    },
  });
  world.nowMs = 1000;
  const answers = await Promise.all(Array.from({ length: 60 }, () => metrics.text()));
  expect(new Set(answers.map((text) => valuesIn(text).schedules_due))).toEqual(new Set([2]));
  world.nowMs = 1999;
  expect(valuesIn(await metrics.text())).toMatchObject({ schedules_due: 2, schedule_lateness_seconds: 5.499 });
  world.nowMs = 2000;
  expect(valuesIn(await metrics.text())).toMatchObject({ schedules_due: 3, schedule_lateness_seconds: 4.5 });
});

it('what the process itself knows is as of now in every answer', async () => {
  const { metrics } = aProcess();
  const process = { lag: 5, sockets: 6 };
  await metrics.observe({ ...sources, sinks: () => [{ name: 'stdout', lag: process.lag }], sockets: () => process.sockets });
  await metrics.text();
  Object.assign(process, { lag: 9, sockets: 1 });
  metrics.onBatch({ applied: [1, 2, 3], failed: [4] });
  metrics.onBatch({ applied: [5], failed: [] });
  metrics.onOperation({ type: 'mutation', failed: true });
  expect(valuesIn(await metrics.text())).toMatchObject({
    'sink_lag_events{sink="stdout"}': 9,
    sockets: 1,
    'schedules_total{outcome="applied"}': 4,
    'schedules_total{outcome="failed"}': 1,
    'operations_total{type="mutation",failed="true"}': 1,
  });
});

it('a source that is out of order keeps what it said last; one that never said anything is left out, and no others', async () => {
  const { metrics } = aProcess();
  const broken = async () => Promise.reject(new Error('out of order'));
  await metrics.observe({ ...sources, backlog: broken });
  const { schedules_due, schedule_lateness_seconds, ...others } = all;
  expect(valuesIn(await metrics.text())).toEqual(others);
  await metrics.observe(sources);
  await metrics.text();
  await metrics.observe({ ...sources, backlog: broken });
  expect(valuesIn(await metrics.text())).toEqual({ ...others, schedules_due, schedule_lateness_seconds });
});
