import pg from 'pg';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { startNotifications } from '../../src/audit/store/notifications.ts';
import { openPostgres } from '../../src/database/database.ts';
import { makeIsAtWork } from '../../src/database/is-at-work.ts';
import { fewestConnections, openDatabases } from '../../src/database/open-database.ts';
import { makeConnections } from '../../src/database/postgres-connections.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';
import { temporaryFolder } from '../support/service.ts';

const logger = pino({ level: 'silent' });
const everything = { swallows: ['requests', 'answers'] } as const;

it('a connection that the server ends while nobody listens to it does not end the process', async () => {
  const { url, sql } = await createPostgresDatabase();
  const { Connection } = makeConnections({ connectWithinMs: 10_000 });
  const connection = new Connection({ connectionString: url });
  await connection.connect();
  const { rows } = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const ended = new Promise<void>((resolve) => connection.once('end', resolve));
  await sql('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await ended;
});

describe('a connection that goes silent', () => {
  /** With one connection alone, so that whoever comes next would get the silent one. */
  const openBehindProxy = async () => {
    const db = await createPostgresDatabase();
    const proxy = await startFaultyProxy(db.url);
    const database = openPostgres(proxy.url, { maxConnections: 1, silence: { forMs: 500 }, onError: () => {} });
    atTestEnd(() => database.close());
    const pid = async () => (await database.prisma.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`)[0]?.pid;
    return { sql: db.sql, database, pid, goSilent: () => proxy.disturb({ standing: everything }) };
  };
  const isNamed = { name: 'ConnectionFailedError', message: expect.stringContaining('no answer within 0.5 s') };

  it('fails its statement, and the next one gets another connection', async () => {
    const { sql, pid, goSilent } = await openBehindProxy();
    const before = await pid();
    // At rest it may be silent for longer than that.
    await sql('SELECT pg_sleep(0.8)');
    expect(await pid()).toBe(before);
    await sql('SELECT pg_sleep(0.8)');
    goSilent();
    await expect(pid()).rejects.toMatchObject(isNamed);
    expect(await pid()).not.toBe(before);
  });

  it.each([
    ['in the middle of a transaction', true],
    ['at its commit', false],
  ])('%s fails the transaction, and the next one gets another connection', async (_when, goesOn) => {
    const { database, pid, goSilent } = await openBehindProxy();
    const before = await pid();
    const transaction = database.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1`;
      goSilent();
      if (goesOn) await tx.$queryRaw`SELECT 2`;
    });
    await expect(transaction).rejects.toMatchObject(isNamed);
    const after = await database.prisma.$transaction(
      async (tx) => tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`,
    );
    expect(after[0]?.pid).not.toBe(before);
  });

  it('takes those along that rest beside it: nobody has to find them out one after the other', async () => {
    const db = await createPostgresDatabase();
    const proxy = await startFaultyProxy(db.url);
    const database = openPostgres(proxy.url, { maxConnections: 4, silence: { forMs: 500 }, onError: () => {} });
    atTestEnd(() => database.close());
    const ask = () => database.prisma.$queryRaw`SELECT pg_sleep(0.2)::text`;
    await Promise.all([ask(), ask(), ask(), ask()]);
    proxy.disturb({ standing: everything });
    await expect(ask()).rejects.toMatchObject(isNamed);
    await Promise.all([ask(), ask(), ask(), ask()]);
  });
});

it('a statement that takes long, or waits for a lock, is waited for as long as the server says that it is at work on it', async () => {
  const { url, sql } = await createPostgresDatabase();
  const health = openPostgres(url, { maxConnections: 1, onError: () => {} });
  const database = openPostgres(url, {
    maxConnections: 2,
    silence: { forMs: 200, isAtWork: makeIsAtWork(health) },
    onError: () => {},
  });
  atTestEnd(async () => void (await Promise.all([health.close(), database.close()])));
  await sql('BEGIN');
  await sql('LOCK TABLE environments IN ACCESS EXCLUSIVE MODE');
  const waiting = database.prisma.environment.count();
  await database.prisma.$queryRaw`SELECT pg_sleep(1.5)::text`;
  await sql('COMMIT');
  expect(await waiting).toBe(3);
});

it('a connection is not given up for what was its own process’s doing: one that stood still hears the answer first', async () => {
  const { url } = await createPostgresDatabase();
  const database = openPostgres(url, { maxConnections: 1, silence: { forMs: 300 }, onError: () => {} });
  atTestEnd(() => database.close());
  const pid = async () => (await database.prisma.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`)[0]?.pid;
  const before = await pid();
  const asked = pid();
  await new Promise((resolve) => setImmediate(resolve));
  for (const until = Date.now() + 700; Date.now() < until; );
  expect(await asked).toBe(before);
});

it('whatever is under way fails at once when the databases are cut, and so does what is asked from then on', async () => {
  const { url } = await createPostgresDatabase();
  const options = { databaseUrl: url, databaseConnections: fewestConnections, dataDir: temporaryFolder() };
  const databases = await openDatabases(options, { pools: 'perUse', schema: 'any' }, logger);
  const { prisma } = databases.commands;
  const underWay = [prisma.$queryRaw`SELECT pg_sleep(60)::text`, prisma.$queryRaw`SELECT pg_sleep(60)::text`];
  const failed = Promise.allSettled(underWay);
  await prisma.$connect();
  databases.cut();
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(prisma.$queryRaw`SELECT 1`).rejects.toMatchObject({ name: 'ConnectionFailedError' });
  await databases.close();
});

it('every connection of a service has bounds: for statements, for locks, and for the time that a vanished client is noticed in', async () => {
  const { url } = await createPostgresDatabase();
  const options = { databaseUrl: url, databaseConnections: fewestConnections, dataDir: temporaryFolder() };
  const { cut: _, close, ...databases } = await openDatabases(options, { pools: 'perUse', schema: 'any' }, logger);
  atTestEnd(close);
  const names = [
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'tcp_user_timeout',
    'tcp_keepalives_idle',
    'client_connection_check_interval',
  ];
  const settingsOf = async ({ prisma }: (typeof databases)['reads']) => {
    const rows = await prisma.$queryRaw<{ setting: string }[]>`
      SELECT setting FROM unnest(${names}::text[]) WITH ORDINALITY AS wanted (name, n) JOIN pg_settings s USING (name) ORDER BY n`;
    return rows.map(({ setting }) => Number(setting));
  };
  const vanished = [5000, 10_000, 10, 2000];
  expect(await settingsOf(databases.reads)).toEqual([15_000, 10_000, ...vanished]);
  expect(await settingsOf(databases.commands)).toEqual([15_000, 10_000, ...vanished]);
  expect(await settingsOf(databases.worker)).toEqual([60_000, 10_000, ...vanished]);
  expect(await settingsOf(databases.pipeline)).toEqual([60_000, 10_000, ...vanished]);
  expect(await settingsOf(databases.health)).toEqual([700, 200, ...vanished]);
});

it('a process that could not hear of others for a while looks for what it missed as soon as it listens again', async () => {
  const { url, sql } = await createPostgresDatabase();
  const heard: string[] = [];
  const notifications = startNotifications({ url, logger });
  atTestEnd(notifications.close);
  notifications.onWake((topic) => heard.push(topic));
  const listeners = () =>
    sql<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flagtrail notifications'",
    );
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['outbox', 'log']);
  for (const { pid } of await listeners()) await sql('SELECT pg_terminate_backend($1)', [pid]);
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['outbox', 'log', 'outbox', 'log']);
});

it('a client that vanished in the middle of a transaction lets its flag go', async () => {
  const { url, sql } = await createPostgresDatabase();
  await sql(
    "INSERT INTO feature_flags (id, key, name, type, created_at, updated_at) VALUES (gen_random_uuid(), 'f', 'F', 'BOOLEAN', now(), now())",
  );
  const proxy = await startFaultyProxy(url);
  const database = openPostgres(proxy.url, { maxConnections: 1, onError: () => {} });
  const goOn = Promise.withResolvers<void>();
  const holding = Promise.withResolvers<void>();
  const transaction = database.prisma.$transaction(
    async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM feature_flags WHERE key = 'f' FOR UPDATE`;
      proxy.goSilent();
      holding.resolve();
      await goOn.promise;
    },
    { timeout: 60_000 },
  );
  await holding.promise;
  const beside = new pg.Client({ connectionString: url, lock_timeout: 15_000 });
  await beside.connect();
  await beside.query("SELECT 1 FROM feature_flags WHERE key = 'f' FOR UPDATE");
  await beside.end();
  goOn.resolve();
  database.cut();
  await expect(transaction).rejects.toThrow();
  await database.close();
}, 30_000);
