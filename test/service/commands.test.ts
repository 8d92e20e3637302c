import { Command, CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeAskService } from '../../src/cli/ask-service.ts';
import { addSchedulesCommand } from '../../src/cli/schedules.ts';
import { addStatusCommand } from '../../src/cli/status.ts';
import { readConfig } from '../../src/config/config.ts';
import { openDatabases } from '../../src/database/open-database.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { runCommand } from '../support/run-command.ts';
import { dataDirectory, startTestService, temporaryFolder } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { logSize, makeDue } from '../support/tables.ts';

/** A command in this process, and what it wrote. */
const run = async (args: readonly string[], env: Record<string, string>) => {
  const written = { code: 0, out: '', err: '' };
  const writeTo = (stream: 'out' | 'err') => (text: string) => {
    written[stream] += text;
  };
  const program = new Command().exitOverride().configureOutput({ writeErr: writeTo('err'), writeOut: writeTo('out') });
  const config = readConfig({ DATA_DIR: temporaryFolder(), ...env }, { roles: [] });
  const openDatabaseHere = async () => {
    const { reads: database, close } = await openDatabases(config, { pools: 'one', schema: 'ready' });
    return { database, close };
  };
  const deps = {
    openDatabase: openDatabaseHere,
    ask: makeAskService(config, { now: () => new Date() }),
    write: writeTo('out'),
  };
  const setExitCode = (code: number) => {
    written.code = code;
  };
  addStatusCommand(program, { ...deps, setExitCode });
  addSchedulesCommand(program, deps);
  await program.parseAsync(args, { from: 'user' }).catch((error) => {
    written.code = 1;
    if (!(error instanceof CommanderError)) written.err += error.message;
  });
  return written;
};

const until = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 25_000, interval: 250 });

describe('flagtrail status', () => {
  it('says of a service that runs that all is well, and exits with 0', async () => {
    const database = await createPostgresDatabase();
    await startTestService({ databaseUrl: database.url });
    const status = () => run(['status'], { DATABASE_URL: database.url });
    await until(async () => (await status()).code).toBe(0);
    const { out, err } = await status();
    expect(err).toBe('');
    expect(out).toMatch(/^20\S+Z by the database's clock\n\nAll is well\.\n/);
    expect(out).toMatch(/^ {2}\S+:\d+ +api,worker,audit +\d\S* +up since 20\S+ +clock \+\d+\.\d s$/m);
    expect(out).toMatch(/^Overdue schedules: 0$/m);
  });

  it('works where no process runs, names what is wrong, and exits with 1; --json is what serviceStatus answers', async () => {
    const database = await createPostgresDatabase();
    await database.sql(
      `INSERT INTO feature_flags (id, key, name, created_at, updated_at) VALUES (gen_random_uuid(), 'late', 'L', now(), now())`,
    );
    await database.sql(`INSERT INTO feature_flag_schedules (id, flag_id, flag_key, environment_key, scheduled_at, updates, created_at, updated_at)
      SELECT gen_random_uuid(), id, key, 'production', now() - interval '1 hour', '{"enabled": true}', now(), now() FROM feature_flags`);
    const { code, out, err } = await run(['status'], { DATABASE_URL: database.url });
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(/^Something is wrong:\n {2}! no process runs the role api/m);
    expect(out).toMatch(
      /! 1 schedule is overdue, the oldest since \S+ \(flag 'late' in production\): no worker has ever been seen$/m,
    );
    expect(out).toMatch(/^Processes: none$/m);
    const report = JSON.parse((await run(['status', '--json'], { DATABASE_URL: database.url })).out);
    expect(report).toMatchObject({
      missingRoles: ['api', 'worker', 'audit'],
      overdueSchedules: { count: 1, schedules: [{ flagKey: 'late', status: 'PENDING' }] },
      losses: { flagtrail: 0, applications: 0 },
    });
    const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'api' } });
    const fields = await service.gql<{ __type: { fields: { name: string }[] } }>(
      '{ __type(name: "ServiceStatus") { fields { name } } }',
    );
    expect(Object.keys(report).sort()).toEqual(fields.data?.__type.fields.map(({ name }) => name).sort());
  });

  it('says in one line why the database cannot be reached', async () => {
    const { code, out, err } = await runCommand(['status'], { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none' });
    expect({ code, out, err }).toEqual({ code: 1, out: '', err: 'flagtrail: the database at 127.0.0.1:1 cannot be reached\n' });
  }, 120_000);
});

describe('flagtrail schedules', () => {
  /** A flag with a schedule in each of several situations. */
  const aHistory = async () => {
    const database = await createPostgresDatabase();
    const service = await startTestService({ databaseUrl: database.url, env: { ROLES: 'api,audit' } });
    await service.gql('mutation { createFlag(input: { key: "checkout", name: "C" }) { __typename } }');
    const add = async (hours: number, environment: string) => {
      const { data } = await service.gql<{ createSchedule: { id: string } }>(
        `mutation ($at: DateTime!, $environment: String!) { createSchedule(input: { flagKey: "checkout", environment: $environment, scheduledAt: $at,
          updates: { enabled: true, rolloutPercentage: 25 } }) { ... on Schedule { id } } }`,
        { at: new Date(Date.now() + hours * 3_600_000).toISOString(), environment },
      );
      return data?.createSchedule.id ?? expect.unreachable('no schedule was made');
    };
    const [late, failed, cancelled] = [await add(1, 'production'), await add(2, 'staging'), await add(3, 'production')];
    await service.gql(`mutation { cancelSchedule(input: { id: "${cancelled}", reason: "not today" }) { __typename } }`);
    await makeDue(database, { id: late, ago: '3 hours' });
    await database.sql(
      `UPDATE feature_flag_schedules SET status = 'FAILED', error_message = 'no such variant', last_error = 'no such variant',
        last_error_at = now(), next_retry_at = now() + interval '4 minutes', retry_count = 1 WHERE id = $1`,
      [failed],
    );
    await until(() => logSize(database)).toBe(5);
    return { env: { DATABASE_URL: database.url }, late, failed, cancelled };
  };

  it("shows what became of a flag's schedules, and why what is overdue is, without an API", async () => {
    const { env, late, failed, cancelled } = await aHistory();
    const { code, out, err } = await run(['schedules', '--flag', 'checkout'], env);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^3 schedules of flag 'checkout'; now 20/);
    expect(out).toMatch(new RegExp(`^PENDING {2}production {2}${late}\\n(.+\\n)* {2}due +\\S+, 3 h late\\n`, 'm'));
    expect(out).toMatch(
      new RegExp(
        `^FAILED {2}staging {2}${failed}\\n(.+\\n)* {2}error +no such variant \\(20\\S+\\)\\n {2}next try +20\\S+ \\(1 of 3 retries made\\)\\n`,
        'm',
      ),
    );
    expect(out).toMatch(
      new RegExp(`^CANCELLED {2}production {2}${cancelled}\\n(.+\\n)* {2}cancelled +20\\S+ by admin-a: not today\\n`, 'm'),
    );
    expect(out).toMatch(/^ {2}log +flag_schedule\.cancelled 20\S+: The change of flag 'checkout'/m);
    expect(out).toMatch(/\nOverdue, because:\n {2}! no worker has ever been seen\n$/);
  });

  it('narrows them down by environment and status, and writes JSON for programs', async () => {
    const { env, failed, late } = await aHistory();
    const ids = async (...args: string[]) =>
      JSON.parse((await run(['schedules', '--flag', 'checkout', '--json', ...args], env)).out).schedules.map(
        ({ id }: { id: string }) => id,
      );
    expect(await ids('--environment', 'staging')).toEqual([failed]);
    expect(await ids('--status', 'pending,failed')).toEqual([late, failed]);
    const { schedules } = JSON.parse((await run(['schedules', '--flag', 'checkout', '--json', '--status', 'FAILED'], env)).out);
    expect(schedules).toMatchObject([
      {
        lastError: 'no such variant',
        nextRetryAt: expect.any(String),
        latenessMs: 0,
        updates: { enabled: true, rolloutPercentage: 25 },
        lastEvent: { eventType: 'flag_schedule.created' },
      },
    ]);
  });

  it.each([
    [['--flag', 'gone'], "There is no flag 'gone'"],
    [[], "error: required option '--flag <key>' not specified\n"],
    [['--flag', 'x', '--status', 'DONE'], "'DONE' is not one of PENDING, APPLIED, FAILED, CANCELLED\n"],
    [['--flag', 'x', '--limit', '0'], 'allowed: 1 to 200\n'],
  ])('refuses %j with what to do, and without a stack trace', async (args, message) => {
    const database = await createPostgresDatabase();
    const { code, out, err } = await run(['schedules', ...args], { DATABASE_URL: database.url });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(message);
    expect(err).not.toMatch(/\n +at /);
  });
});

describe('where a running service has the embedded database open', () => {
  let service: Awaited<ReturnType<typeof startServiceProcess>>;
  let env: { DATA_DIR: string; PORT: string };
  beforeAll(async () => {
    const dataDir = await dataDirectory();
    service = await startServiceProcess({ DATA_DIR: dataDir });
    env = { DATA_DIR: dataDir, PORT: new URL(service.url).port };
  });

  it('flagtrail status asks it over HTTP, and says how where it cannot', async () => {
    await until(async () => (await run(['status', '--json'], env)).code).toBe(0);
    expect(JSON.parse((await runCommand(['status', '--json'], env)).out)).toMatchObject({
      warnings: [],
      processes: [{ pid: service.child.pid }],
    });

    const lost = await run(['status'], { ...env, PORT: '1' });
    expect(lost).toMatchObject({ code: 1, out: '' });
    expect(lost.err).toMatch(
      /^a running service has the embedded database open, and asking http:\/\/127\.0\.0\.1:1\/graphql failed: .*set HOST and PORT/,
    );
    expect(lost.err).not.toMatch(/\n +at /);
  }, 120_000);

  it('flagtrail schedules asks it', async () => {
    expect(await runCommand(['schedules', '--flag', 'nothing'], env)).toEqual({
      code: 1,
      out: '',
      err: "flagtrail: There is no flag 'nothing'\n",
    });
  }, 120_000);
});
