import { describe, expect, it } from 'vitest';
import { operationsOf } from '../support/api-key-operations.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { cursorOf, emitEvents } from '../support/emit.ts';
import { json, request } from '../support/raw-http.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { logSize } from '../support/tables.ts';

const readLog = '{ auditEvents(first: 1) { edges { node { position } } } }';
const createFlag = (key: string) => `mutation { createFlag(input: { key: "${key}", name: "F" }) { __typename } }`;

const start = async () => {
  const database = await createPostgresDatabase();
  // Five connections for changes, of which one caller has four.
  const service = await startTestService({ databaseUrl: database.url, env: { DATABASE_CONNECTIONS: '15' } });
  const hog = await token({ sub: 'hog' });
  const other = await token({ sub: 'other' });
  /** Nobody can read the table meanwhile: whatever asks for it holds on to its connection. */
  const whileLocked = async (table: string, work: () => Promise<void>) => {
    await database.sql('BEGIN');
    await database.sql(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    await work().finally(() => database.sql('COMMIT'));
  };
  const blocked = async (use = 'reads') => {
    // In a transaction the view would go on saying what it said first.
    await database.sql('SELECT pg_stat_clear_snapshot()');
    const [row] = await database.sql<{ count: number }>(
      "SELECT count(*) AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1 AND datname = current_database()",
      [`flagtrail ${use}`],
    );
    return row?.count ?? 0;
  };
  const othersWork = async (key: string) => {
    const read = await service.gql<{ flags: object }>('{ flags { totalCount } }', {}, { as: other });
    expect(read.errors).toBeUndefined();
    expect((await service.gql(createFlag(key), {}, { as: other })).data).toEqual({ createFlag: { __typename: 'Flag' } });
  };
  return { database, service, hog, whileLocked, blocked, othersWork };
};

describe('one caller who reads more than everybody else', () => {
  it('with 100 replays on one socket keeps nobody from reading and changing, and gets all of them whole', async () => {
    const { database, service, hog, whileLocked, blocked, othersWork } = await start();
    const events = 30;
    await emitEvents(
      database,
      Array.from({ length: events }, () => ({ description: 'x'.repeat(20_000) })),
    );
    await expect.poll(() => logSize(database)).toBe(events);
    const socket = openRawSocket(`${service.url}/graphql`);
    await socket.init(hog);
    await whileLocked('audit_log', async () => {
      for (let id = 0; id < 100; id++) {
        const query = `subscription { auditEvents(after: "${cursorOf(0)}", filter: { flagKey: "checkout-v2" }) { position } }`;
        socket.send({ id: String(id), type: 'subscribe', payload: { query } });
      }
      await expect.poll(() => blocked()).toBeGreaterThan(1);
      await othersWork('while-it-replays');
      await othersWork('and-again');
    });
    const received = new Map<string, number[]>();
    for (let n = 0; n < 100 * events; n++) {
      const message = await socket.next();
      expect(message).toMatchObject({ type: 'next', payload: { data: { auditEvents: { position: expect.any(Number) } } } });
      const { auditEvents } = (message.payload as { data: { auditEvents: { position: number } } }).data;
      received.set(message.id ?? '', [...(received.get(message.id ?? '') ?? []), auditEvents.position]);
    }
    expect(received.size).toBe(100);
    const whole = Array.from({ length: events }, (_, index) => index + 1);
    for (const positions of received.values()) expect(positions).toEqual(whole);
  });

  it('with over two thousand queries has some of them wait, the rest refused at once, and nobody else is', async () => {
    const { service, hog, whileLocked, blocked, othersWork } = await start();
    const hogs = await openSockets(service, hog, 26);
    const answers = { data: 0, refused: 0 };
    for (const { socket } of hogs) {
      socket.on('message', (message) => {
        if (String(message).includes('"RATE_LIMITED"')) answers.refused += 1;
        else if (String(message).includes('"data"')) answers.data += 1;
      });
    }
    await whileLocked('audit_log', async () => {
      for (const socket of hogs) runMany(socket, 100);
      await expect.poll(() => blocked()).toBeGreaterThan(1);
      // 48 run, and 2,500 wait.
      await expect.poll(() => answers).toEqual({ data: 0, refused: 52 });
      const refused = await request(`${service.url}/graphql`, json({ query: readLog }, { authorization: `Bearer ${hog}` }));
      expect(refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(refused.body.errors[0]).toMatchObject({
        message: 'You have 2500 queries waiting, which is the maximum: try again in 1000 ms',
        extensions: { retryAfterMs: 1000 },
      });
      // It may change something all the same: mutations wait in a line of their own.
      expect((await service.gql(createFlag('of-the-same-caller'), {}, { as: hog })).errors).toBeUndefined();
      await othersWork('while-it-asks');
    });
    await expect.poll(() => answers, { timeout: 20_000 }).toEqual({ data: 2548, refused: 52 });
    expect((await request(`${service.url}/metrics`)).text).toContain('flagtrail_refused_total{reason="share"} 53');
  });
});

it('strangers with API keys that nobody has keep nobody from changing anything', async () => {
  const { service, whileLocked, blocked, othersWork } = await start();
  const stranger = `ftk_${'a'.repeat(8)}_${'a'.repeat(43)}`;
  const asked: Promise<number>[] = [];
  await whileLocked('api_keys', async () => {
    for (let n = 0; n < 50; n++) {
      const socket = openRawSocket(`${service.url}/graphql`);
      void socket.init(stranger).catch(() => {});
      asked.push(service.gql(readLog, {}, { as: stranger }).then(({ status }) => status));
    }
    await expect.poll(() => blocked('commands')).toBeGreaterThan(1);
    await othersWork('while-they-try');
  });
  expect(new Set(await Promise.all(asked))).toEqual(new Set([401]));
});

it('an API key is found revoked, however much its holder has waiting', async () => {
  const { database, service, whileLocked, blocked } = await start();
  const { apiKey, secret } = await operationsOf(service).newKey({ roles: ['ADMIN'] });
  const stream = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ query: 'subscription { auditEvents(filter: { flagKey: "none" }) { id } }' }),
  });
  const [socket] = (await openSockets(service, secret, 1)) as [RawSocket];
  await whileLocked('feature_flags', async () => {
    for (let n = 0; n < 20; n++) socket.send({ id: String(n), type: 'subscribe', payload: { query: createFlag(`by-hog-${n}`) } });
    await expect.poll(() => blocked('commands')).toBe(4);
    await database.database.prisma.$executeRaw`UPDATE api_keys SET revoked_at = now() WHERE id = ${apiKey.id}::uuid`;
    expect(await stream.text()).toContain('the API key was revoked');
    expect(await blocked('commands')).toBe(4);
  });
});

it('with the embedded database, whose one connection everybody shares, callers take turns', async () => {
  const service = await startTestService();
  const hogs = await openSockets(service, await token({ sub: 'hog' }), 4);
  const [other] = (await openSockets(service, await token({ sub: 'other' }), 1)) as [RawSocket];
  let answered = 0;
  for (const { socket } of hogs) {
    socket.on('message', (data) => {
      if (String(data).includes('"next"')) answered += 1;
    });
  }
  for (const socket of hogs) runMany(socket, 90);
  expect((await other.run(readLog)).payload).toHaveProperty('data');
  expect(answered).toBeLessThan(180);
  await expect.poll(() => answered).toBe(360);
});

const openSockets = ({ url }: TestService, as: string, count: number): Promise<RawSocket[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const socket = openRawSocket(`${url}/graphql`);
      await socket.init(as);
      return socket;
    }),
  );
const runMany = (socket: RawSocket, count: number) => {
  for (let id = 0; id < count; id++) socket.send({ id: String(id), type: 'subscribe', payload: { query: readLog } });
};
