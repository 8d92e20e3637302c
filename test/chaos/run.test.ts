import { execFile } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { databaseFaults, makePlan, processFaults } from '../../chaos/plan.ts';
import { describeResult } from '../../chaos/report.ts';
import type { Result } from '../../chaos/run.ts';
import { root } from '../support/serve-process.ts';
import { temporaryFolder } from '../support/service.ts';

/** A run as a process of its own, whose temporary folders are all in one. */
const startChaos = (...args: string[]) => {
  const folder = temporaryFolder();
  // PostgreSQL may run as another user, who has to get through here.
  chmodSync(folder, 0o755);
  const running = promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', 'chaos/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, TMPDIR: folder },
  });
  const outcome = running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
  return {
    outcome,
    interrupt: () => running.child.kill('SIGINT'),
    leftFiles: () => readdirSync(folder),
    /** What runs of it, as far as the system shows: its temporary folder is in its command or in its settings. */
    processes: () =>
      readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && pid !== `${running.child.pid}` && mentions(pid, folder)),
  };
};

const mentions = (pid: string, text: string): boolean =>
  ['cmdline', 'environ'].some((file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });

describe('npm run chaos', () => {
  it('breaks things in every way that there is, finds nothing lost, twice, or out of order, and leaves nothing behind', {
    timeout: 600_000,
  }, async () => {
    // A seed whose plan is dense: each kind of fault comes within a quarter of a minute.
    const [seed, seconds] = [20261207, 15];
    const kinds = new Set(makePlan({ seed, seconds }).map(({ kind }) => kind));
    expect(kinds).toEqual(new Set([...processFaults, ...databaseFaults]));
    const chaos = startChaos('--seconds', `${seconds}`, '--seed', `${seed}`, '--clients', '5');
    const { code, stdout, stderr } = await chaos.outcome;
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^ok: seed 20261207, nothing lost, nothing twice, nothing out of order$/m),
      stderr: '',
    });
    expect(chaos.leftFiles()).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'ends everything that it started when it is interrupted',
    { timeout: 300_000 },
    async () => {
      const chaos = startChaos('--seconds', '600');
      const services = () => chaos.processes().filter((pid) => mentions(pid, 'src/main.ts'));
      await expect.poll(() => services().length, { timeout: 120_000 }).toBe(6);
      chaos.interrupt();
      expect(await chaos.outcome).toEqual({ code: 130, stdout: '', stderr: 'Interrupted.\n' });
      await expect.poll(chaos.processes).toEqual([]);
      expect(chaos.leftFiles()).toEqual([]);
    },
  );

  it('prints the plan of a seed, and does nothing, when asked for it', async () => {
    const { code, stdout } = await startChaos('--plan', '--seed', '7', '--seconds', '20').outcome;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^seed 7\n {3}1\.0 s {2}\S+ +[a-z][^\n]*, for \d+\.\d s\n/);
  });

  it.each([
    ['--seconds', '4', 'allowed: 5 to 86400'],
    ['--seed', '-1', 'allowed: 0 to 4294967295'],
  ])('refuses %s %s, and names the range', async (option, value, allowed) => {
    expect(await startChaos(option, value).outcome).toMatchObject({ code: 1, stderr: expect.stringContaining(allowed) });
  });
});

describe('its report', () => {
  const result: Result = {
    seed: 7,
    seconds: 60,
    plan: [],
    evidence: {
      operations: [
        { kind: 'createFlag', flagKey: 'f', requestId: 'r1', answeredAt: 0, outcome: 'ok', said: 'Flag' },
        { kind: 'createFlag', flagKey: 'g', requestId: 'r2', answeredAt: 0, outcome: 'unknown', said: 'SERVICE_UNAVAILABLE' },
      ],
      states: new Map(),
      schedules: [],
      log: [],
      size: 1,
      waiting: 0,
      wasSpooled: false,
      feeds: new Map(),
      sinks: new Map(),
      crashes: [],
      unready: [],
    },
    violations: [],
    recoveries: [
      { faults: ['kill'], process: 'api-1', readyMs: 1200 },
      { faults: ['kill'], process: 'api-2', readyMs: 3400 },
      { faults: ['pause', 'stop fast'], process: 'api-2', readyMs: 5600 },
      { faults: ['reset'], process: 'worker-1', readyMs: null },
    ],
    settledMs: 2000,
    folder: null,
  };

  it('counts outcomes, and says how soon processes were ready again', () => {
    const report = describeResult(result);
    expect(report).toContain('2 operations under 0 faults in 60 s: 1 ok, 0 refused, 1 unknown (1 SERVICE_UNAVAILABLE)');
    expect(report).toMatch(/^ {2}kill +2 +3\.4 s +3\.4 s {3}api-2$/m);
    expect(report).toMatch(/^ {2}several, one after the other +1 +5\.6 s +5\.6 s {3}api-2: pause, stop fast$/m);
    expect(report).toMatch(/^ {2}reset +1 +never +never {3}worker-1$/m);
  });

  it('names what is broken, the seed, and where to look', () => {
    const violations = Array.from({ length: 25 }, (_, index) => ({ rule: 'sinks get every event', what: `event ${index}` }));
    const lines = describeResult({ ...result, violations, folder: '/tmp/there' }).split('\n');
    expect(lines).toContain('FAILED: seed 7, 25 violations');
    expect(lines.filter((line) => line.startsWith('  sinks get every event: event '))).toHaveLength(20);
    expect(lines.slice(-4)).toEqual([
      '  and 5 more',
      'The same faults again: npm run chaos -- --seconds 60 --seed 7',
      'What the processes wrote: /tmp/there',
      '',
    ]);
  });
});
