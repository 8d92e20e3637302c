import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from 'graphql-ws';
import pg from 'pg';
import type { Bench } from './lab.ts';
import { seedFlags } from './seed.ts';
import { startServiceProcess } from './service-process.ts';
import { percentile } from './statistics.ts';

const samples = 300;
const standsWithinMs = 10_000;
const scheduledAt = new Date(Date.now() + 30 * 86_400_000).toISOString();

/** Measures the time from a mutation's answer to its event at a subscriber. The reference is a bare NOTIFY on the same server. */
export const benchLatency: Bench = {
  name: 'latency',
  steps: (rounds) => 2 * rounds,
  run: async (lab, { rounds, step }) => {
    const databaseUrl = await lab.createDatabase();
    await lab.sql(databaseUrl, seedFlags(100));
    const service = await startServiceProcess({ databaseUrl, connections: 10 });
    const client = createClient({
      url: `${service.url.replace('http', 'ws')}/graphql`,
      connectionParams: { authorization: service.authorization },
      retryAttempts: 0,
    });
    const afterAnswer: number[][] = [];
    const afterRequest: number[][] = [];
    const notified: number[][] = [];
    try {
      const arrivals = follow(client);
      await untilSubscribed(service, arrivals);
      for (let round = 1; round <= rounds; round++) {
        step(`commit to subscriber, round ${round}`);
        const measured = await measureEvents(service, arrivals);
        afterAnswer.push(measured.map(({ afterAnswerMs }) => afterAnswerMs));
        afterRequest.push(measured.map(({ afterRequestMs }) => afterRequestMs));
        step(`LISTEN and NOTIFY, round ${round}`);
        notified.push(await measureNotifications(databaseUrl));
      }
    } finally {
      await client.dispose();
      await service.stop();
    }
    const at = (rounds: readonly number[][], share: number) => rounds.map((values) => percentile(values, share));
    const figure = (label: string, values: readonly number[][], share: number) => ({
      label,
      unit: 'ms',
      values: at(values, share),
      reference: { label: 'NOTIFY to LISTEN', values: at(notified, share) },
    });
    return [
      figure('mutation answered → event at a subscriber, p50', afterAnswer, 0.5),
      figure('  p99', afterAnswer, 0.99),
      figure('mutation sent → event at a subscriber, p50', afterRequest, 0.5),
      figure('  p99', afterRequest, 0.99),
    ];
  },
};

type Service = { url: string; authorization: string };
/** When a schedule's event arrived, in milliseconds of `performance.now()`. */
type Arrivals = { of(scheduleId: string): Promise<number>; count(): number };

const follow = (client: Client): Arrivals => {
  const arrived = new Map<string, number>();
  let wake = () => {};
  let broken: unknown;
  client.subscribe<{ event: { scheduleId: string } }>(
    { query: 'subscription { event: auditEvents(filter: { types: [FLAG_SCHEDULE_CREATED] }) { scheduleId } }' },
    {
      next: ({ data }) => {
        if (data) arrived.set(data.event.scheduleId, performance.now());
        wake();
      },
      error: (error) => {
        broken = error;
        wake();
      },
      complete: () => {},
    },
  );
  return {
    count: () => arrived.size,
    of: async (scheduleId) => {
      while (!arrived.has(scheduleId)) {
        if (broken) throw new Error('the subscription broke off', { cause: broken });
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return arrived.get(scheduleId) ?? Number.NaN;
    },
  };
};

const createSchedule = async ({ url, authorization }: Service, n: number): Promise<string> => {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify({
      query: 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { ... on Schedule { id } } }',
      variables: { input: { flagKey: `flag-${1 + (n % 100)}`, scheduledAt, updates: { enabled: true } } },
    }),
  });
  const { data } = (await response.json()) as { data?: { createSchedule: { id?: string } } };
  if (!data?.createSchedule.id) throw new Error(`createSchedule was answered ${response.status}`);
  return data.createSchedule.id;
};

/** Waits for the first event: nothing else tells a subscriber that the subscription has started. */
const untilSubscribed = async (service: Service, arrivals: Arrivals): Promise<void> => {
  for (const until = Date.now() + standsWithinMs; arrivals.count() === 0; await sleep(100)) {
    if (Date.now() > until) throw new Error('no event came over the subscription');
    await createSchedule(service, 0);
  }
};

const measureEvents = async (service: Service, arrivals: Arrivals) => {
  const measured: { afterAnswerMs: number; afterRequestMs: number }[] = [];
  for (let n = 0; n < samples; n++) {
    const sentAt = performance.now();
    const id = await createSchedule(service, n);
    const answeredAt = performance.now();
    const arrivedAt = await arrivals.of(id);
    measured.push({ afterAnswerMs: arrivedAt - answeredAt, afterRequestMs: arrivedAt - sentAt });
  }
  return measured;
};

const measureNotifications = async (url: string): Promise<number[]> => {
  const [listener, sender] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
  let heard = (_at: number) => {};
  listener.on('notification', () => heard(performance.now()));
  try {
    await Promise.all([listener.connect(), sender.connect()]);
    await listener.query('LISTEN bench');
    const measured: number[] = [];
    for (let n = 0; n < samples; n++) {
      const arrival = new Promise<number>((resolve) => {
        heard = resolve;
      });
      const sentAt = performance.now();
      await sender.query("SELECT pg_notify('bench', 'hint')");
      measured.push((await arrival) - sentAt);
    }
    return measured;
  } finally {
    await Promise.all([listener.end(), sender.end()]);
  }
};
