import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPostgres } from '../../src/adapters/prisma/database.ts';
import { migrate } from '../../src/adapters/prisma/migrate.ts';
import { operationsOf } from '../api-keys/operations.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { startTestService, type TestService } from '../support/service.ts';

const patient = { timeout: 30_000 };
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, patient);

let server: PostgresServer;
let url: string;
beforeAll(async () => {
  server = await startPostgresServer();
  url = `${server.baseUrl}/postgres`;
  atTestEnd(() => server.stop());
  const database = openPostgres(url, { maxConnections: 1, onError: () => {} });
  await migrate(database);
  await database.close();
});

let service: TestService;
beforeEach(async () => {
  service = await startTestService({ databaseUrl: url });
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
    const before = seen.events.length;
    await createFlag();
    await until(() => seen.events.length).toBeGreaterThan(before);
    expect(seen.events.at(-1)).toBe(`flag-${flags}`);
    expect(seen).toMatchObject({ ends: [], closes: [], connections: 1 });
  });
});
