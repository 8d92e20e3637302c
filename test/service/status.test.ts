import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { request } from '../support/raw-http.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { changeSchedule, countSchedules, makeDue, makeRetriesDue, setEnvironmentEnabled } from '../support/tables.ts';

/** A process looks every few seconds at how the service is: to ask more often costs CPU, and tells nothing. */
const patient = { timeout: 25_000, interval: 250 };
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, patient);

type Status = {
  processes: { roles: string[]; version: string; host: string; pid: number; isSeen: boolean; clockSkewMs: number | null }[];
  missingRoles: string[];
  overdueSchedules: {
    count: number;
    oldestDueAt: string | null;
    latenessMs: number;
    causes: string[];
    schedules: { flagKey: string }[];
  };
  sinks: { name: string; position: number; lag: number; lastError: string | null; lastErrorAt: string | null }[];
  sequencer: { waiting: number; oldestMs: number } | null;
  losses: { flagtrail: number; applications: number };
  warnings: string[];
};
const statusOf = async ({ gql }: TestService, as?: string): Promise<Status> => {
  const { data, errors } = await gql<{ serviceStatus: Status }>(
    `{ serviceStatus { databaseTime missingRoles warnings
      processes { id roles version host pid startedAt lastSeenAt isSeen clockSkewMs workerError spool { waiting lost } }
      overdueSchedules { count oldestDueAt latenessMs causes schedules { id flagKey status } }
      sinks { name position lag lastError lastErrorAt updatedAt } sequencer { waiting oldestMs } losses { flagtrail applications } } }`,
    {},
    as === undefined ? {} : { as },
  );
  return data?.serviceStatus ?? expect.unreachable(JSON.stringify(errors));
};
const warningsAt = async ({ url }: { url: string }): Promise<string[]> => (await request(`${url}/readyz`)).body.warnings;
const logged = ({ lines }: TestService) => lines.map((line) => JSON.parse(line).msg as string | undefined).filter(Boolean);

/** A schedule that should have been applied minutes ago. */
const addOverdue = async ({ gql }: TestService, database: PostgresTestDatabase, flagKey = 'late') => {
  await gql('mutation ($key: String!) { createFlag(input: { key: $key, name: "L" }) { __typename } }', { key: flagKey });
  const { data } = await gql<{ createSchedule: { id: string } }>(
    `mutation ($key: String!, $at: DateTime!) {
      createSchedule(input: { flagKey: $key, scheduledAt: $at, updates: { enabled: true } }) { ... on Schedule { id } } }`,
    { key: flagKey, at: new Date(Date.now() + 3_600_000).toISOString() },
  );
  const id = data?.createSchedule.id ?? expect.unreachable('no schedule was made');
  await makeDue(database, { id: id, ago: '5 minutes' });
  return id;
};

describe('the processes of a service', () => {
  it('see each other; one that is killed is missed, and so are its roles, as a warning of those that are left', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'api' } });
    const other = await startServiceProcess({ DATABASE_URL: database.url, ROLES: 'worker,audit' });
    await until(async () => (await statusOf(service)).missingRoles).toEqual([]);
    const { processes, warnings } = await statusOf(service, await token({ groups: ['auditor'] }));
    expect(warnings).toEqual([]);
    expect(processes).toHaveLength(2);
    expect(processes).toContainEqual(
      expect.objectContaining({
        roles: ['worker', 'audit'],
        pid: other.child.pid,
        isSeen: true,
        version: expect.stringMatching(/^\d/),
      }),
    );
    await until(() => warningsAt(service)).toEqual([]);

    other.child.kill('SIGKILL');
    await other.exited;
    await database.sql(`UPDATE service_processes SET last_seen_at = now() - interval '31 seconds' WHERE pid = $1`, [
      other.child.pid,
    ]);
    const left = await statusOf(service);
    expect(left.processes.find(({ pid }) => pid === other.child.pid)).toMatchObject({ isSeen: false });
    expect(left.missingRoles).toEqual(['worker', 'audit']);
    await until(() => warningsAt(service)).toEqual([
      expect.stringMatching(/no process runs the role worker, so no schedule is applied: start one with ROLES=worker/),
      expect.stringMatching(/no process runs the role audit/),
    ]);
    expect((await request(`${service.url}/readyz`)).status).toBe(200);
  });

  it('take themselves off the list when they stop, and forget those not seen for a day', async () => {
    const database = await createPostgresDatabase();
    await database.sql(`INSERT INTO service_processes (id, roles, version, host, pid, last_seen_at) VALUES
      ('00000000-0000-7000-8000-000000000001', '{worker}', '0', 'old', 1, now() - interval '25 hours'),
      ('00000000-0000-7000-8000-000000000002', '{worker}', '0', 'young', 2, now() - interval '23 hours')`);
    const service = await startTestService({ databaseUrl: database.url });
    const hosts = async () =>
      (await database.sql<{ host: string }>('SELECT host FROM service_processes')).map(({ host }) => host);
    await until(hosts).not.toContain('old');
    expect(await hosts()).toHaveLength(2);
    await service.stop();
    expect(await hosts()).toEqual(['young']);
  });

  it('are alone with the embedded database: a role that is not theirs is said to be missing at once', async () => {
    const service = await startTestService({ env: { ROLES: 'api' } });
    const missing = /the role worker is not in ROLES, so no schedule is applied; no other process can run it/;
    await until(() => warningsAt(service)).toContainEqual(expect.stringMatching(missing));
    expect(logged(service)).toContainEqual(expect.stringMatching(missing));
  });

  it('whose clock is off say by how much: in the log, the metrics, their readiness, and to the others', async () => {
    const database = await createPostgresDatabase();
    const clock = { now: () => new Date(Date.now() + 10_000) };
    const service = await startTestService({ databaseUrl: database.url, clock });
    const isAhead = /the clock of \S+ \(api, worker, audit\) is (9\.\d|10\.0) s ahead of the database's/;
    await until(() => warningsAt(service)).toContainEqual(expect.stringMatching(isAhead));
    await until(() => logged(service)).toContainEqual(expect.stringMatching(isAhead));
    const { processes, warnings } = await statusOf(service);
    expect(processes[0]?.clockSkewMs).toBeGreaterThan(9000);
    expect(warnings).toContainEqual(expect.stringMatching(isAhead));
    const { text } = await request(`${service.url}/metrics`);
    expect(Number(/^flagtrail_clock_skew_seconds (\S+)$/m.exec(text)?.[1])).toBeCloseTo(10, 0);
  });

  it('go on while the outbox is locked: schedules apply, they stay ready, and the lock is a warning', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url });
    const locker = new pg.Client({ connectionString: database.ownerUrl });
    await locker.connect();
    atTestEnd(() => locker.end());
    const id = await addOverdue(service, database, 'before');
    await until(() => countSchedules(database, 'APPLIED')).toBe(1);
    await locker.query('BEGIN; LOCK TABLE audit_outbox IN ACCESS EXCLUSIVE MODE');
    const scrapes = Promise.all([1, 2, 3, 4].map(() => request(`${service.url}/metrics`)));
    const isLocked = /a lock on the table audit_outbox keeps events out of the log/;
    await until(() => warningsAt(service)).toContainEqual(expect.stringMatching(isLocked));
    expect(await statusOf(service)).toMatchObject({ sequencer: null, warnings: [expect.stringMatching(isLocked)] });
    await changeSchedule(database, id, { status: 'PENDING', appliedAt: null });
    await until(() => countSchedules(database, 'APPLIED')).toBe(1);
    expect((await request(`${service.url}/readyz`)).status).toBe(200);
    expect((await scrapes).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await locker.query('ROLLBACK');
  });

  it('show what a sink last failed with, and when, and what was lost', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url });
    await service.gql('mutation { createFlag(input: { key: "a", name: "A" }) { __typename } }');
    await until(async () => (await statusOf(service)).sinks.find(({ name }) => name === 'stdout')?.position).toBe(1);
    await database.sql(
      `INSERT INTO sink_cursors (name, position, last_error, last_error_at) VALUES ('cloudwatch', 0, 'AccessDenied: no', now())`,
    );
    const { sinks, sequencer, losses, warnings } = await statusOf(service);
    expect(sinks).toMatchObject([
      { name: 'cloudwatch', lag: 1, lastError: 'AccessDenied: no', lastErrorAt: expect.any(String) },
      { name: 'stdout', lag: 0, lastError: null, lastErrorAt: null },
    ]);
    expect(warnings).toEqual(["sink 'cloudwatch' takes nothing, 1 event waits for it: AccessDenied: no"]);
    expect({ sequencer, losses }).toEqual({
      sequencer: { waiting: 0, oldestMs: 0 },
      losses: { flagtrail: 0, applications: 0 },
    });
  });

  it('are shown to auditors, and to nobody who only writes events', async () => {
    const service = await startTestService();
    const { status, errors } = await service.gql(
      '{ serviceStatus { missingRoles } }',
      {},
      { as: await token({ groups: ['audit-writer'] }) },
    );
    expect({ status, code: errors?.[0]?.extensions?.code }).toEqual({ status: 403, code: 'FORBIDDEN' });
  });
});

describe('schedules that nobody applies', () => {
  it('for want of a worker are a warning in the log, in /readyz and in serviceStatus', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'api,audit' } });
    await addOverdue(service, database);
    const { overdueSchedules, missingRoles } = await statusOf(service);
    expect(missingRoles).toEqual(['worker']);
    expect(overdueSchedules).toMatchObject({
      count: 1,
      causes: ['no worker has ever been seen'],
      schedules: [{ flagKey: 'late' }],
    });
    expect(overdueSchedules.latenessMs).toBeGreaterThan(299_000);
    const warning = /^1 schedule is overdue, the oldest since .* \(flag 'late' in production\): no worker has ever been seen$/;
    await until(() => warningsAt(service)).toContainEqual(expect.stringMatching(warning));
    expect(logged(service)).toContain('schedules are overdue: no worker has ever been seen');
  });

  /** A session of somebody else's, in a transaction of which this is the first statement. */
  const beginBeside = async (database: PostgresTestDatabase, name: string, statement: string) => {
    const client = new pg.Client({ connectionString: database.ownerUrl, application_name: name });
    await client.connect();
    client.on('error', () => {});
    atTestEnd(() => client.end());
    await client.query('BEGIN');
    await client.query(statement);
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return { pid: rows[0]?.pid, query: (sql: string) => client.query(sql) };
  };

  it.each([
    ['locks their flag', [], /^flag 'late' is locked by database session/],
    [
      'locks their flag beside others that refer to it',
      ["SELECT 1 FROM feature_flags WHERE key = 'late' FOR KEY SHARE"],
      /^flag 'late' is locked by database session/,
    ],
  ])('because somebody %s name who, since when, and how to end it; then they apply', async (_what, others, cause) => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url });
    await service.gql('mutation { createFlag(input: { key: "late", name: "L" }) { __typename } }');
    for (const statement of others) await beginBeside(database, 'bystander', statement);
    const holder = await beginBeside(database, 'psql of bob', "SELECT 1 FROM feature_flags WHERE key = 'late' FOR NO KEY UPDATE");
    const id = await addOverdue(service, database);
    // The bystander may be named first: its transaction is a little older.
    const nameHolder = async () =>
      (await statusOf(service)).overdueSchedules.causes.find((text) => text.includes(`session ${holder.pid} `));
    await until(nameHolder).toMatch(cause);
    expect(await nameHolder()).toMatch(
      /\(psql of bob, user postgres, idle in transaction\), in a transaction since 20.*; to end it: SELECT pg_terminate_backend\(\d+\)$/,
    );
    await until(() => logged(service)).toContainEqual(expect.stringMatching(/schedules are overdue: .*psql of bob/));
    await until(() => warningsAt(service)).toContainEqual(expect.stringMatching(/psql of bob/));

    await holder.query('COMMIT');
    await until(
      async () =>
        (await service.gql<{ schedule: { status: string } }>(`{ schedule(id: "${id}") { status } }`)).data?.schedule.status,
    ).toBe('APPLIED');
    expect((await statusOf(service)).overdueSchedules).toMatchObject({ count: 0, causes: [], oldestDueAt: null });
  });

  it('because a table is locked, for which the worker waits, name who holds it', async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url });
    await addOverdue(service, database, 'first');
    await until(async () => (await statusOf(service)).overdueSchedules.count).toBe(0);
    const holder = await beginBeside(database, 'maintenance', 'LOCK TABLE environments IN ACCESS EXCLUSIVE MODE');
    await database.sql(`UPDATE feature_flag_schedules SET status = 'PENDING', applied_at = NULL`);
    await until(async () => (await statusOf(service)).overdueSchedules.causes).toContainEqual(
      expect.stringMatching(new RegExp(`^a lock is held by database session ${holder.pid} \\(maintenance, `)),
    );
  });
});

it("a schedule's last failure stays to be read, with when it was, when a retry succeeds", async () => {
  const database = await createPostgresDatabase();
  const service = await startTestService({ databaseUrl: database.url });
  await service.gql('mutation { createFlag(input: { key: "late", name: "L" }) { __typename } }');
  const { data } = await service.gql<{ createSchedule: { id: string } }>(
    `mutation ($at: DateTime!) { createSchedule(input: { flagKey: "late", environment: "staging", scheduledAt: $at, updates: { enabled: true } }) { ... on Schedule { id } } }`,
    { at: new Date(Date.now() + 3_600_000).toISOString() },
  );
  const id = data?.createSchedule.id ?? expect.unreachable();
  type Shown = {
    schedule: { status: string; errorMessage: string | null; lastError: string | null; lastErrorAt: string | null };
  };
  const shown = async () =>
    (await service.gql<Shown>(`{ schedule(id: "${id}") { status errorMessage lastError lastErrorAt } }`)).data?.schedule;
  expect(await shown()).toMatchObject({ lastError: null, lastErrorAt: null });
  await setEnvironmentEnabled(database, 'staging', false);
  await makeDue(database, { id });
  const failure =
    "Environment 'staging' is disabled: schedules cannot be created, edited or applied in it until an admin enables it";
  await until(shown).toMatchObject({
    status: 'FAILED',
    errorMessage: failure,
    lastError: failure,
    lastErrorAt: expect.any(String),
  });
  await setEnvironmentEnabled(database, 'staging', true);
  await makeRetriesDue(database, [id]);
  await until(shown).toMatchObject({
    status: 'APPLIED',
    errorMessage: null,
    lastError: failure,
    lastErrorAt: expect.any(String),
  });
});
