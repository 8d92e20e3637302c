import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { operationsOf } from '../support/api-key-operations.ts';
import { startMigratedServer } from '../support/migrated-server.ts';
import { request } from '../support/raw-http.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startUnready } from '../support/unready-service.ts';

const patient = { timeout: 30_000 };
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, patient);

let server: Awaited<ReturnType<typeof startMigratedServer>>;
beforeAll(async () => {
  server = await startMigratedServer();
});

let service: TestService;
beforeEach(async () => {
  service = await startTestService({ databaseUrl: server.url });
});

let flags = 0;
const createFlag = () =>
  service.gql('mutation ($key: String!) { createFlag(input: { key: $key, name: "F" }) { __typename } }', {
    key: `flag-${++flags}`,
  });
const goDown = () => server.stop({ keepData: true });
const comeBack = async () => {
  await server.restart();
  await until(async () => (await service.gql('{ environments { key } }')).status).toBe(200);
};

describe('while the database is down', () => {
  const unavailable = { extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 2000 } };

  it('queries, mutations and API keys get SERVICE_UNAVAILABLE and a time to try again, and work when it is back', async () => {
    const key = await operationsOf(service).newKey({ roles: ['ADMIN'] });
    const asKey = () => service.gql('{ viewer { roles } }', {}, { as: key.secret });
    await goDown();
    const answers = [
      await service.gql('{ environments { key } }'),
      await service.gql('{ flags { totalCount edges { node { key } } } }'),
      await createFlag(),
      await asKey(),
    ];
    for (const { status, headers, errors = [] } of answers) {
      expect(status).toBe(503);
      expect(headers.get('retry-after')).toBe('2');
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) expect(error).toMatchObject(unavailable);
    }
    await comeBack();
    expect((await createFlag()).errors).toBeUndefined();
    expect((await asKey()).data).toEqual({ viewer: { roles: ['ADMIN'] } });
  });

  it('metrics stay, readiness and the log say what is wrong, and nothing is said without a reason', async () => {
    const scrape = async () => (await request(`${service.url}/metrics`)).text as string;
    const gaugeOf = async (name: string) => new RegExp(`^${name} (\\S+)$`, 'm').exec(await scrape())?.[1];
    expect(await gaugeOf('flagtrail_database_up')).toBe('1');
    await until(() => gaugeOf('flagtrail_clock_skew_seconds')).toBeDefined();
    await goDown();
    expect(await gaugeOf('flagtrail_database_up')).toBe('0');
    for (const name of [
      'flagtrail_schedules_due',
      'flagtrail_schedule_lateness_seconds',
      'flagtrail_sequencer_lag_events',
      'flagtrail_audit_spooled_events',
      'flagtrail_audit_lost_events{source="flagtrail"}'.replace(/[{}]/g, '\\$&'),
      'flagtrail_clock_skew_seconds',
      'process_cpu_seconds_total',
    ])
      expect(await gaugeOf(name), name).toBeDefined();
    const address = new URL(server.url).host;
    expect(await request(`${service.url}/readyz`)).toMatchObject({
      status: 503,
      body: { reasons: [`the database does not answer: the database at ${address} cannot be reached`] },
    });
    const messages = () => service.lines.map((line) => JSON.parse(line)).map(({ msg, error }) => `${msg ?? ''} ${error ?? ''}`);
    await until(messages).toContainEqual(
      expect.stringContaining(`could not apply due schedules: the database at ${address} cannot be reached; they stay due`),
    );
    await until(messages).toContainEqual(expect.stringMatching(/sink is failing.* (the database|the connection|terminating)/));
    expect(messages().filter((text) => /: ?(;|$)/.test(text))).toEqual([]);
    await comeBack();
    await until(() => gaugeOf('flagtrail_database_up')).toBe('1');
  });

  it('a process that starts then waits, says for what, and has metrics', async () => {
    await goDown();
    const waiting = await startUnready(server.url);
    await until(async () => (await request(`${waiting.url}/readyz`)).body.reasons).toEqual([
      `waiting for the database: the database at ${new URL(server.url).host} cannot be reached`,
    ]);
    const { text } = await request(`${waiting.url}/metrics`);
    expect(text).toMatch(/^flagtrail_database_up 0$/m);
    expect(text).toMatch(/^process_cpu_seconds_total /m);
    await comeBack();
    await waiting.started;
    expect((await request(`${waiting.url}/readyz`)).status).toBe(200);
  });

  it('a query over a socket gets the same, and the socket stays open', async () => {
    const client = service.socket();
    await goDown();
    const { value } = await client.iterate({ query: '{ environments { key } }' }).next();
    expect(value?.errors).toEqual([expect.objectContaining(unavailable)]);
    await comeBack();
    const again = await client.iterate<{ environments: object[] }>({ query: '{ environments { key } }' }).next();
    expect(again.value?.data?.environments).toHaveLength(3);
  });
});

describe('a subscription', () => {
  const query = 'subscription { auditEvents(filter: { types: [FLAG_CREATED] }) { position flagKey } }';
  /** Follows with a client as it comes, which tries again by itself. */
  const follow = () => {
    const client = service.socket({ lazy: true, retryAttempts: 5 });
    const seen = { events: [] as string[], ends: [] as unknown[], closes: [] as number[], connections: 0 };
    client.on('closed', (event) => seen.closes.push((event as { code: number }).code));
    client.on('connected', () => seen.connections++);
    client.subscribe<{ auditEvents: { flagKey: string } }>(
      { query },
      {
        next: ({ data }) => void (data && seen.events.push(data.auditEvents.flagKey)),
        error: (error) => seen.ends.push(error),
        complete: () => seen.ends.push('complete'),
      },
    );
    return seen;
  };
  const untilFollowing = async (seen: { events: string[] }) =>
    until(async () => {
      await createFlag();
      return seen.events.length;
    }).toBeGreaterThan(0);

  it('that starts while the database is down is told to come back, and follows the log when the database does', async () => {
    await goDown();
    const seen = follow();
    await until(() => seen.closes).toContain(1013);
    await comeBack();
    await untilFollowing(seen);
    expect(seen.ends).toEqual([]);
  });

  it('that runs outlives a restart of the database, on the same socket', async () => {
    const seen = follow();
    await untilFollowing(seen);
    await goDown();
    await comeBack();
    await createFlag();
    await until(() => seen.events).toContain(`flag-${flags}`);
    expect(new Set(seen.events).size).toBe(seen.events.length);
    expect(seen).toMatchObject({ ends: [], closes: [], connections: 1 });
  });
});
