import autocannon from 'autocannon';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Bench } from './lab.ts';
import { sampleEntry } from './sample-event.ts';
import { seedFlags } from './seed.ts';
import { startServiceProcess } from './service-process.ts';

const connections = 32;
const flags = 1000;
const measureS = 4;
const warmUpS = 2;
const scheduledAt = new Date(Date.now() + 30 * 86_400_000).toISOString();

const mutation = `mutation ($input: CreateScheduleInput!) {
  createSchedule(input: $input) { __typename ... on Schedule { id status } ... on Error { message } } }`;
const bodies = Array.from({ length: flags }, (_, n) =>
  JSON.stringify({
    query: mutation,
    variables: { input: { flagKey: `flag-${n + 1}`, scheduledAt, updates: { enabled: true, rolloutPercentage: n % 101 } } },
  }),
);

/** Measures createSchedule over HTTP. The reference is its transaction through a plain `pg` pool. */
export const benchCreateSchedule: Bench = {
  name: 'create-schedule',
  steps: (rounds) => 2 + 3 * rounds,
  run: async (lab, { rounds, step }) => {
    const seeded = await lab.createDatabase();
    await lab.sql(seeded, seedFlags(flags));
    const [wholeUrl, apiUrl, plainUrl] = [
      await lab.createDatabase({ copyOf: seeded }),
      await lab.createDatabase({ copyOf: seeded }),
      await lab.createDatabase({ copyOf: seeded }),
    ];
    const pool = new pg.Pool({ connectionString: plainUrl, max: connections });
    // Ending a pool does not wait for its connections, so the server can cut one that is still closing.
    pool.on('error', () => {});
    const whole = await startServiceProcess({ databaseUrl: wholeUrl, connections });
    const apiOnly = await startServiceProcess({ databaseUrl: apiUrl, connections, roles: 'api' }).catch(async (error) => {
      await whole.stop();
      throw error;
    });
    const perSecond = { whole: [] as number[], apiOnly: [] as number[], plain: [] as number[] };
    try {
      step('createSchedule: warm-up of the services');
      await Promise.all([whole, apiOnly].map((service) => overHttp(service, warmUpS)));
      step('createSchedule: warm-up of plain pg');
      await throughPool(pool, warmUpS);
      for (let round = 1; round <= rounds; round++) {
        await lab.settle();
        step(`createSchedule over HTTP, round ${round}`);
        perSecond.whole.push(await overHttp(whole, measureS));
        await lab.settle();
        step(`createSchedule through plain pg, round ${round}`);
        perSecond.plain.push(await throughPool(pool, measureS));
        await lab.settle();
        step(`createSchedule over HTTP with ROLES=api, round ${round}`);
        perSecond.apiOnly.push(await overHttp(apiOnly, measureS));
      }
    } finally {
      await Promise.all([whole.stop(), apiOnly.stop(), pool.end()]);
    }
    const reference = { label: 'same SQL, plain pg', values: perSecond.plain };
    return [
      { label: `createSchedule over HTTP, ${connections} connections`, unit: '/s', values: perSecond.whole, reference },
      { label: '  the same with ROLES=api', unit: '/s', values: perSecond.apiOnly, reference },
    ];
  },
};

/** Returns mutations per second. Throws if an answer is not the new schedule. */
const overHttp = async ({ url, authorization }: { url: string; authorization: string }, seconds: number): Promise<number> => {
  let client = 0;
  const result = await autocannon({
    url: `${url}/graphql`,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    connections,
    duration: seconds,
    requests: [{ body: bodies[0] }],
    // Each connection starts with a different flag; otherwise all would wait for one row.
    setupClient: (each) => {
      const start = Math.floor((client++ * flags) / connections);
      each.setRequests(
        [...bodies.slice(start), ...bodies.slice(0, start)].map((body) => ({
          method: 'POST',
          path: '/graphql',
          headers: { 'content-type': 'application/json', authorization },
          body,
        })),
      );
    },
    verifyBody: (body) => String(body).includes('"__typename":"Schedule"'),
  });
  const bad = result.errors + result.non2xx + result.mismatches;
  if (bad > 0)
    throw new Error(`${bad} of ${result['2xx'] + result.non2xx} requests failed: ${JSON.stringify(result.statusCodeStats)}`);
  return result['2xx'] / result.duration;
};

/**
 * Runs the statements of createSchedule's transaction, one round trip each, on as many connections. Returns transactions per
 * second.
 */
const throughPool = async (pool: pg.Pool, seconds: number): Promise<number> => {
  const { entry } = sampleEntry();
  const until = performance.now() + seconds * 1000;
  const startedAtMs = performance.now();
  let done = 0;
  const createSchedules = async (start: number) => {
    for (let n = start; performance.now() < until; n++) {
      await createSchedule(pool, `flag-${1 + (n % flags)}`, entry);
      done++;
    }
  };
  await Promise.all(
    Array.from({ length: connections }, (_, index) => createSchedules(Math.floor((index * flags) / connections))),
  );
  return done / ((performance.now() - startedAtMs) / 1000);
};

const createSchedule = async (pool: pg.Pool, flagKey: string, entry: string): Promise<void> => {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ id: string }>({
      name: 'flag',
      text: `SELECT f.id, f.key, EXISTS (
          SELECT 1 FROM feature_flag_states s WHERE s.flag_id = f.id AND s.environment_key = $2) AS "hasEnvironment"
        FROM feature_flags f WHERE f.key = $1 FOR KEY SHARE`,
      values: [flagKey, 'production'],
    });
    const now = new Date();
    await client.query({
      name: 'schedule',
      text: `INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, status, updates, created_by,
          cancelled_by, cancelled_at, cancel_reason, applied_at, error_message, retry_count, max_retries, next_retry_at,
          idempotency_key, created_at, updated_at)
        VALUES ($1, $2, $3, 'production', $4, 'PENDING', $5, 'bench-admin', NULL, NULL, NULL, NULL, NULL, 0, 3, NULL, NULL, $6, $6)
        ON CONFLICT DO NOTHING`,
      values: [uuidv7(), rows[0]?.id, flagKey, scheduledAt, { enabled: true, rolloutPercentage: 25 }, now],
    });
    await client.query({ name: 'emit', text: 'SELECT audit_emit($1::text[]) AS recorded', values: [[entry]] });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
};
