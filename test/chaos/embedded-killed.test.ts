import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabases } from '../../src/database/open-database.ts';
import type { Row } from '../support/databases.ts';
import { dataDirectory, token } from '../support/service.ts';
import { minutesFrom } from '../support/spine.ts';
import { readLog, readSchedules } from '../support/tables.ts';

const env = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  PORT: '0',
  AUTH_SECRET: 'the secret of the tests, longer than 32 bytes',
  AUTH_ISSUER: 'https://issuer.example',
  AUTH_AUDIENCE: 'flagtrail-tests',
};

/** What `npm start` runs. */
const spawnServe = (dataDir: string) => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path.resolve('src/main.ts'), 'serve'], {
    env: { ...env, DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = once(child, 'exit');
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await gone;
    return child.exitCode;
  };
  onTestFinished(async () => void (await end('SIGKILL')));
  return { child, gone, end };
};

const startServe = async (dataDir: string) => {
  const { child, end } = spawnServe(dataDir);
  child.stderr.resume();
  const lines = createInterface(child.stdout);
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      const { msg, url } = JSON.parse(line);
      if (msg === 'started') resolve(url);
    });
    lines.once('close', () => reject(new Error('it ended before it was ready')));
  });
  const bearer = `Bearer ${await token()}`;
  const gql = async (query: string, variables: object = {}) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: bearer },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as { data: Record<string, { __typename: string; id: string }> | null };
  };
  return { gql, end };
};

type Acknowledged = { flags: string[]; schedules: string[]; cancelled: string[] };

/** Creates flags and schedules, and cancels some, until the service is gone; notes what it acknowledged, and nothing else. */
const load = async (gql: Awaited<ReturnType<typeof startServe>>['gql'], prefix: string, acknowledged: Acknowledged) => {
  for (let n = 0; ; n++) {
    const key = `${prefix}-${n}`;
    try {
      const flag = await gql(
        'mutation ($input: CreateFlagInput!) { createFlag(input: $input) { __typename ... on Flag { id } } }',
        {
          input: { key, name: key },
        },
      );
      if (flag.data?.createFlag?.id) acknowledged.flags.push(key);
      const schedule = await gql(
        'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { __typename ... on Schedule { id } } }',
        { input: { flagKey: key, scheduledAt: minutesFrom(new Date(), 60).toISOString(), updates: { enabled: true } } },
      );
      const id = schedule.data?.createSchedule?.id;
      if (id) acknowledged.schedules.push(id);
      if (!id || n % 3 > 0) continue;
      const cancelled = await gql(
        'mutation ($input: CancelScheduleInput!) { cancelSchedule(input: $input) { __typename ... on Schedule { id } } }',
        { input: { id } },
      );
      if (cancelled.data?.cancelSchedule?.id) acknowledged.cancelled.push(id);
    } catch {
      return;
    }
  }
};

it('killed five times under load, the embedded service has everything that it acknowledged, with its events, and starts again at once', {
  timeout: 120_000,
}, async () => {
  const dataDir = await dataDirectory();
  const acknowledged: Acknowledged = { flags: [], schedules: [], cancelled: [] };
  for (let round = 1; round <= 5; round++) {
    const { gql, end } = await startServe(dataDir);
    const before = acknowledged.schedules.length;
    const clients = Array.from({ length: 6 }, (_, client) => load(gql, `r${round}-c${client}`, acknowledged));
    await expect.poll(() => acknowledged.schedules.length, { interval: 5, timeout: 20_000 }).toBeGreaterThan(before + 20);
    if (round === 1) {
      // Another process on the same folder is refused, and harms nothing.
      const second = spawnServe(dataDir);
      const [complaint] = await Promise.all([text(second.child.stderr), text(second.child.stdout), second.gone]);
      expect(second.child.exitCode).toBe(1);
      expect(complaint).toMatch(/^flagtrail: DATA_DIR '.*' is in use by another Flagtrail process.*\n$/);
    }
    await end('SIGKILL');
    await Promise.all(clients);
  }
  const last = await startServe(dataDir);
  expect((await last.gql('{ environments { __typename } }')).data).not.toBeNull();
  expect(await last.end('SIGTERM')).toBe(0);

  const place = { databaseUrl: null, databaseConnections: 1, dataDir };
  const { reads, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
  onTestFinished(close);
  const sql = <T = Row>(query: string) => reads.prisma.$queryRawUnsafe<T[]>(query);
  expect(await sql('SELECT 1 FROM audit_outbox')).toEqual([]);
  const log = await readLog({ sql });
  const eventsOf = (eventType: string) => log.filter((event) => event.eventType === eventType);

  const flags = (await sql<{ key: string }>('SELECT key FROM feature_flags')).map(({ key }) => key);
  const schedules = await readSchedules({ sql });
  const cancelled = schedules.filter(({ status }) => status === 'CANCELLED');
  expect(acknowledged.flags.filter((key) => !flags.includes(key))).toEqual([]);
  const ids = new Set(schedules.map(({ id }) => id));
  expect(acknowledged.schedules.filter((id) => !ids.has(id))).toEqual([]);
  const cancelledIds = new Set(cancelled.map(({ id }) => id));
  expect(acknowledged.cancelled.filter((id) => !cancelledIds.has(id))).toEqual([]);
  // And every change that is there, acknowledged or not, has its one event.
  expect(
    eventsOf('flag.created')
      .map(({ flagKey }) => flagKey)
      .toSorted(),
  ).toEqual(flags.toSorted());
  expect(
    eventsOf('flag_schedule.created')
      .map(({ scheduleId }) => scheduleId)
      .toSorted(),
  ).toEqual([...ids].toSorted());
  expect(
    eventsOf('flag_schedule.cancelled')
      .map(({ scheduleId }) => scheduleId)
      .toSorted(),
  ).toEqual([...cancelledIds].toSorted());
});
