import { beforeAll, describe, expect, it, vi } from 'vitest';
import { mintToken } from '../../src/access/jwt/mint-token.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { json, request, secretOf } from '../support/raw-http.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { startUnready } from '../support/unready-service.ts';

const secret = 'another secret of the tests, longer than 32 bytes';
const authentication = { AUTH_SECRET: secret, AUTH_ISSUER: 'https://issuer.example', AUTH_AUDIENCE: 'flagtrail' };
const adminToken = () =>
  mintToken({
    secret: secretOf(secret),
    issuer: authentication.AUTH_ISSUER,
    audience: authentication.AUTH_AUDIENCE,
    subject: 'ada',
    groups: ['admin'],
    lifetimeMs: 3_600_000,
    now: new Date(),
  });

describe('health, readiness and metrics', () => {
  it('need no token, and say how the service is', async () => {
    const service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
    expect(await request(`${service.url}/healthz`)).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await request(`${service.url}/readyz`)).toMatchObject({ status: 200, body: { status: 'ready', reasons: [] } });
    const client = service.socket();
    await new Promise<void>((resolve) => client.on('connected', () => resolve()));
    await service.gql('{ flags { totalCount } }');
    await service.gql('mutation { createFlag(input: { key: "m", name: "M" }) { __typename } }');
    await service.gql('{ nothing }');

    const { status, text, headers } = await request(`${service.url}/metrics`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=/);
    const value = (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    for (const name of [
      'flagtrail_schedules_due',
      'flagtrail_schedule_lateness_seconds',
      'flagtrail_sequencer_lag_seconds',
      'flagtrail_sequencer_lag_events',
      'flagtrail_sink_lag_events{sink="stdout"}',
      'flagtrail_audit_spooled_events',
      'flagtrail_audit_lost_events{source="flagtrail"}',
      'flagtrail_audit_lost_events{source="applications"}',
      'process_cpu_seconds_total',
    ]) {
      expect(value(name), name).toBeGreaterThanOrEqual(0);
    }
    expect(value('flagtrail_sockets')).toBe(1);
    expect(value('flagtrail_operations_total{type="query",failed="false"}')).toBe(1);
    expect(value('flagtrail_operations_total{type="mutation",failed="false"}')).toBe(1);
  });

  it('go on while a part of the database is out of order: the metrics of that part stay as they were last', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'api' } });
    await database.sql('ALTER TABLE audit_outbox RENAME TO audit_outbox_gone');
    const { status, text } = await request(`${service.url}/metrics`);
    expect(status).toBe(200);
    expect(text).toMatch(/^flagtrail_sequencer_lag_events 0$/m);
    expect(text).toMatch(/^flagtrail_schedules_due 0$/m);
    expect((await request(`${service.url}/healthz`)).status).toBe(200);
  });
});

describe('with migrations pending on PostgreSQL', () => {
  /** The service on a database without a schema: it listens, and waits. */
  const startUnmigrated = async () => {
    const database = await createPostgresDatabase({ migrated: false });
    const service = await startUnready(database.url, authentication);
    return { database, service };
  };

  it('the service listens but is not ready, names `flagtrail migrate`, and becomes ready by itself', async () => {
    const { database, service } = await startUnmigrated();
    await vi.waitFor(async () => {
      const ready = await request(`${service.url}/readyz`);
      expect(ready.status).toBe(503);
      expect(ready.body.reasons[0]).toMatch(/`flagtrail migrate`/);
    });
    expect((await request(`${service.url}/healthz`)).status).toBe(200);
    expect((await request(`${service.url}/metrics`)).status).toBe(200);
    const early = await request(
      `${service.url}/graphql`,
      json({ query: '{ viewer { roles } }' }, { authorization: `Bearer ${await adminToken()}` }),
    );
    expect(early).toMatchObject({ status: 503, code: 'NOT_READY' });
    expect(await openRawSocket(`${service.url}/graphql`).refused).toBe(503);

    await migrate(database.database);
    await service.started;
    expect((await request(`${service.url}/readyz`)).status).toBe(200);
    const answer = await request(
      `${service.url}/graphql`,
      json({ query: '{ viewer { roles } }' }, { authorization: `Bearer ${await adminToken()}` }),
    );
    expect(answer.body).toEqual({ data: { viewer: { roles: ['ADMIN'] } } });
  });

  it('a service that is told to stop while it waits stops', async () => {
    const { service } = await startUnmigrated();
    await vi.waitFor(async () => expect((await request(`${service.url}/readyz`)).status).toBe(503), { timeout: 20_000 });
    await service.stop();
    await expect(fetch(`${service.url}/healthz`)).rejects.toThrow();
  });
});

describe('the process', () => {
  let database: PostgresTestDatabase;
  let service: Awaited<ReturnType<typeof startServiceProcess>>;
  beforeAll(async () => {
    database = await createPostgresDatabase();
    service = await startServiceProcess({ DATABASE_URL: database.url, ...authentication });
  });

  it('logs a fault of ours once, under the id of its request, over HTTP and over a socket, without the token', async () => {
    await database.sql('ALTER TABLE environments RENAME TO environments_gone');
    const bearer = await adminToken();
    const answer = await request(
      `${service.url}/graphql`,
      json({ query: '{ environments { key } }' }, { authorization: `Bearer ${bearer}`, 'x-request-id': 'over-http' }),
    );
    expect(answer).toMatchObject({ status: 500, code: 'INTERNAL_SERVER_ERROR' });
    expect(answer.headers.get('x-request-id')).toBe('over-http');
    const socket = openRawSocket(`${service.url}/graphql`, { headers: { 'x-request-id': 'over-a-socket' } });
    await socket.init(bearer);
    await socket.run('{ environments { key } }');
    await database.sql('ALTER TABLE environments_gone RENAME TO environments');

    for (const id of ['over-http', 'over-a-socket']) {
      await service.line(({ requestId, level }) => requestId === id && level === 'error');
      const lines = service.lines.filter(({ requestId }) => requestId === id);
      expect(lines).toHaveLength(1);
      expect(lines[0]?.err?.message).toContain('environments');
    }
    for (const printed of service.printed) {
      expect(printed).not.toContain(bearer.split('.')[1]);
      expect(printed).not.toContain(secret);
      expect(printed).not.toContain(new URL(database.url).password);
    }
    expect(service.stderr()).toBe('');
  });

  it('is not ended by a client that sends nonsense over a socket, and prints nothing but lines of JSON', async () => {
    for (const nonsense of [
      '{',
      '[]',
      '{"type":"next"}',
      '{"type":"connection_ack"}',
      '{"id":1,"type":"subscribe"}',
      'x'.repeat(2_000_000),
    ]) {
      const socket = openRawSocket(`${service.url}/graphql`);
      await socket.opened();
      socket.send(nonsense);
      expect((await socket.closed()).code, nonsense.slice(0, 40)).toBeGreaterThanOrEqual(1000);
    }
    expect((await request(`${service.url}/healthz`)).status).toBe(200);
  });

  it('stops on SIGTERM: what is under way is finished, sockets get 1001, and a second signal at once changes nothing', async () => {
    const bearer = await adminToken();
    const socket = openRawSocket(`${service.url}/graphql`);
    await socket.init(bearer);
    socket.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { auditEvents { position } }' } });

    await database.sql('BEGIN');
    await database.sql('LOCK TABLE feature_flags IN ACCESS EXCLUSIVE MODE');
    const mutation = 'mutation { createFlag(input: { key: "under-way", name: "U" }) { ... on Flag { key } } }';
    const underWay = request(`${service.url}/graphql`, json({ query: mutation }, { authorization: `Bearer ${bearer}` }));
    await vi.waitFor(async () => {
      // Not from pg_stat_activity: inside of a transaction that is as it was at its first look.
      const [row] = await database.sql<{ waiting: number }>('SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted');
      expect(row?.waiting).toBeGreaterThan(0);
    }, 10_000);

    service.child.kill('SIGTERM');
    await service.line(({ msg }) => msg === 'stopping');
    service.child.kill('SIGTERM');
    expect((await socket.closed()).code).toBe(1001);
    expect(service.child.exitCode).toBe(null);

    await database.sql('COMMIT');
    expect(await underWay).toMatchObject({ status: 200, body: { data: { createFlag: { key: 'under-way' } } } });
    expect(await service.exited).toBe(0);
    expect(service.lines.at(-1)?.msg).toBe('stopped');
    expect(await database.sql('SELECT event_type FROM audit_log')).toEqual([{ event_type: 'flag.created' }]);
  });
});
