import { type ChildProcess, execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import type { LogEvent } from '../demo/api.ts';
import { check, type Findings, percentile } from '../demo/checks.ts';
import { finalSettings, planChanges, readStageChanges } from '../demo/gates.ts';
import { createPostgresDatabase } from './support/databases.ts';
import { startTestService, temporaryFolder, token } from './support/service.ts';

const run = async (
  args: readonly string[],
  env: Record<string, string | undefined> = {},
  meanwhile: (child: ChildProcess) => void = () => {},
) => {
  const main = fileURLToPath(new URL('../demo/main.ts', import.meta.url));
  const command = ['--disable-warning=ExperimentalWarning', main, ...args];
  const options = { env: { ...process.env, DATABASE_URL: undefined, FLAGTRAIL_TOKEN: undefined, ...env } };
  const running = promisify(execFile)(process.execPath, command, options);
  meanwhile(running.child);
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
};

describe('the demo', () => {
  it('applies stage changes to a service of its own, finds nothing wrong, and is quiet in a pipe', async () => {
    const { code, stdout, stderr } = await run(['--seconds', '1', '--gates', '20']);
    expect(stderr).toBe('');
    expect(stdout.match(/^ok .*$/gm)).toEqual([
      'ok      20 flags are what the data says in the end',
      'ok      38 schedules are APPLIED, each exactly once',
      'ok      positions 1 to 96 have no gap',
      'ok      the live feed brought 95 events, each once and in order',
      'ok      the log proves itself: its 96 events are what was signed',
    ]);
    expect(stdout).toMatch(/^Lateness of 38 applied changes: p50 \d+ ms, p99 \d+ ms, max \d+ ms$/m);
    expect(stdout.split('\n').length).toBeLessThan(12);
    expect(code).toBe(0);
  }, 120_000);

  it('applies ten years of them to a service that is in use, and the second time only with another prefix', async () => {
    const { url: databaseUrl } = await createPostgresDatabase();
    const { url, gql } = await startTestService({ databaseUrl });
    await gql('mutation { createFlag(input: { key: "other", name: "Not of the demo" }) { __typename } }');
    await vi.waitFor(async () => {
      const { data } = await gql<{ auditEvents: { totalCount: number } }>('{ auditEvents { totalCount } }');
      expect(data?.auditEvents.totalCount).toBe(1);
    });
    const args = ['--seconds', '2', '--url', url, '--prefix', 'run/'];
    const env = { FLAGTRAIL_TOKEN: await token() };

    const first = await run(args, env);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout.match(/^ok .*$/gm)).toEqual([
      'ok      193 flags are what the data says in the end',
      'ok      369 schedules are APPLIED, each exactly once',
      'ok      positions 2 to 932 have no gap',
      'ok      the live feed brought 930 events, each once and in order',
      'ok      the log proves itself: its 932 events are what was signed',
    ]);
    const again = await run(args, env);
    expect(again.stderr).toMatch(/^demo: flag 'run\/\w+' exists already.* --prefix \w+\/\n$/);
    expect(again.code).toBe(1);
  }, 120_000);

  it('ends at Ctrl+C and says what it leaves behind', async () => {
    const { url: databaseUrl } = await createPostgresDatabase();
    const { url } = await startTestService({ databaseUrl });
    const env = { FLAGTRAIL_TOKEN: await token() };
    const { code, stderr } = await run(['--gates', '20', '--url', url, '--prefix', 'run/'], env, (child) => {
      child.stdout?.on('data', (text: string) => text.includes('stage changes') && child.kill('SIGINT'));
    });
    expect(stderr).toBe("Interrupted. Flags 'run/…' and their schedules stay where they are.\n");
    expect(code).toBe(130);
  });

  it('says which option is missing or out of range', async () => {
    expect(await run(['--url', 'http://127.0.0.1:1'])).toMatchObject({ code: 1, stderr: expect.stringContaining('--token') });
    expect(await run(['--seconds', '0'])).toMatchObject({ code: 1, stderr: expect.stringContaining('1 to 3600') });
  });
});

describe('the demo finds', () => {
  const event = (position: number, scheduleId: string | null, eventType = 'flag_schedule.applied'): LogEvent => ({
    id: `event ${position}`,
    position,
    cursor: `cursor ${position}`,
    eventType,
    scheduleId,
    flagKey: 'a',
    description: 'the flag is gone',
    metadata: {},
  });
  const log = [event(8, null, 'flag.created'), event(9, 's1'), event(10, 's2')];
  const fine: Findings = {
    expected: new Map([['a', { enabled: true, rolloutPercentage: 50 }]]),
    flags: [{ key: 'a', state: { enabled: true, rolloutPercentage: 50 } }],
    scheduleIds: ['s1', 's2'],
    schedules: [
      { id: 's1', status: 'APPLIED' },
      { id: 's2', status: 'APPLIED' },
    ],
    startPosition: 7,
    log,
    feed: log.slice(1),
  };
  const problemsOf = (changed: Partial<Findings>) => check({ ...fine, ...changed }).flatMap(({ problems }) => problems);

  it('nothing where nothing is wrong', () => {
    expect(problemsOf({})).toEqual([]);
  });

  it('a flag that is off, or missing', () => {
    expect(problemsOf({ flags: [{ key: 'a', state: { enabled: false, rolloutPercentage: 50 } }] })).toEqual([
      'a is off at 50 %, not on at 50 %',
    ]);
    expect(problemsOf({ flags: [] })).toEqual(['a is missing']);
  });

  it('a schedule that was not applied, or twice', () => {
    const failed = event(10, 's2', 'flag_schedule.failed');
    const schedules = [...fine.schedules.slice(0, 1), { id: 's2', status: 'FAILED' as const }];
    expect(problemsOf({ schedules, log: [...log.slice(0, 2), failed], feed: [event(9, 's1'), failed] })).toEqual([
      'schedule s2 is FAILED, with 0 applied events: the flag is gone',
    ]);
    const twice = [...log, event(11, 's1')];
    expect(problemsOf({ log: twice, feed: twice.slice(1) })).toEqual(['schedule s1 is APPLIED, with 2 applied events']);
  });

  it('a gap in the log', () => {
    expect(problemsOf({ startPosition: 0 })).toEqual(['position 0 is followed by 8']);
  });

  it('an event that the feed left out, brought twice, or brought too early', () => {
    expect(problemsOf({ feed: log.slice(2) })).toEqual(['event 9 was due on the feed, and 10 came']);
    expect(problemsOf({ feed: [event(9, 's1'), event(9, 's1'), event(10, 's2')] })).toHaveLength(1);
    expect(problemsOf({ feed: [event(10, 's2'), event(9, 's1')] })).toHaveLength(1);
    expect(problemsOf({ feed: log.slice(1, 2) })).toEqual(['event 10 was due on the feed, and nothing came']);
  });
});

describe('the demo plans', () => {
  const changes = readStageChanges();

  it('each gate to end as its last row says', () => {
    const settings = finalSettings(changes);
    expect([changes.length, settings.size]).toEqual([369, 193]);
    expect(settings.get('WatchList')).toEqual({ enabled: false, rolloutPercentage: 50 });
    expect(settings.get('NodeSwap')).toEqual({ enabled: true, rolloutPercentage: 100 });
  });

  it('release dates in proportion, and rows of one version at one instant', () => {
    const plan = planChanges(changes, { startsAt: new Date(0), stretchMs: 60_000 });
    const instantsOf = Map.groupBy(plan, ({ version }) => version);
    expect(
      [...instantsOf.values()].every((rows) => new Set(rows.map(({ scheduledAt }) => scheduledAt.getTime())).size === 1),
    ).toBe(true);
    const dueAt = (version: string) => instantsOf.get(version)?.[0]?.scheduledAt.getTime();
    // 2021-04-08 is 2,099 of the 3,701 days from 2015-07-10 to 2025-08-27.
    expect([dueAt('1.0'), dueAt('1.21'), dueAt('1.34')]).toEqual([0, Math.round((2099 / 3701) * 60_000), 60_000]);
  });
});

describe('the demo reads', () => {
  const folderWith = (files: Record<string, string>) => {
    const folder = temporaryFolder();
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    return pathToFileURL(`${folder}/`);
  };
  const releases = 'version,released_on\n1.1,2015-11-09\n';

  it('CSV as a spreadsheet writes it', () => {
    const folder = folderWith({
      'kubernetes-releases.csv': '\uFEFFversion,released_on\r\n"1.1","2015-11-09"\r\n',
      'kubernetes-feature-gates.csv': 'gate,version,stage,enabled,locked\r\n"A",1.1,beta,true,false\r\n',
    });
    expect(readStageChanges(folder)).toEqual([
      { gate: 'A', version: '1.1', stage: 'beta', enabled: true, releasedOn: '2015-11-09' },
    ]);
  });

  it.each([
    ['A,1.1,beta', /columns length is 5, got 3 on line 2/],
    ['A,1.1,gamma,true,false', /alpha.*beta.*ga.*deprecated/],
    ['A,1.1,beta,yes,false', /enabled/],
    ['A,1.2,beta,true,false', /the demo's data has no date for '1\.2'/],
  ])('no row that it does not understand: %s', (row, message) => {
    const gates = `gate,version,stage,enabled,locked\n${row}\n`;
    const folder = folderWith({ 'kubernetes-releases.csv': releases, 'kubernetes-feature-gates.csv': gates });
    expect(() => readStageChanges(folder)).toThrow(message);
  });
});

it('a percentile is the value that a share of the values does not exceed', () => {
  const values = [3, 1, 2, 4];
  expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1), percentile([], 0.5)]).toEqual([
    2,
    4,
    4,
    null,
  ]);
});
