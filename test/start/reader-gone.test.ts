import { spawn } from 'node:child_process';
import { createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../src/access/jwt/mint-token.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { startCloudWatchServer } from '../support/cloudwatch-server.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { root, startServe } from '../support/serve-process.ts';
import { dataDirectory } from '../support/service.ts';

const secret = 'a secret that has at least 32 bytes';
const auth = { AUTH_SECRET: secret, AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };

/** A service whose log goes to pipes, and what a test asks of it. */
const startPiped = async (settings: Record<string, string>) => {
  const service = await startServe({ ...auth, LOG_LEVEL: 'warn', ...settings }, { pipe: true });
  const token = await mintToken({
    secret: createSecretKey(Buffer.from(secret)),
    issuer: 'i',
    audience: 'a',
    subject: 'admin-a',
    groups: ['admin'],
    lifetimeMs: 3_600_000,
    now: new Date(),
  });
  await service.untilReady({ timeoutMs: 60_000 });
  const gql = async (query: string) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query }),
    });
    return ((await response.json()) as { data: Record<string, unknown> }).data;
  };
  const readiness = async () => (await (await fetch(`${service.url}/readyz`)).json()) as { status: string; warnings: string[] };
  const metrics = async () => (await fetch(`${service.url}/metrics`)).text();
  const createFlag = (key: string) => gql(`mutation { createFlag(input: { key: "${key}", name: "F" }) { __typename } }`);
  return { ...service, gql, readiness, metrics, createFlag };
};

/** Writes a line into the log: an emergency is a warning there. */
const emergency = (key: string) =>
  `mutation { emergencyOverride(input: { flagKey: "${key}", updates: { enabled: false }, reason: "r" }) { __typename } }`;

describe('a service whose log nobody reads any more', () => {
  it('lives on without its pipes, applies schedules, and says so in /readyz and in a metric', { timeout: 120_000 }, async () => {
    const { url: DATABASE_URL } = await createPostgresDatabase();
    const service = await startPiped({ DATABASE_URL, ROLES: 'api,worker' });
    expect(await service.metrics()).toMatch(/^flagtrail_stdout_up 1$/m);
    service.pipes.stdout?.destroy();
    service.pipes.stderr?.destroy();

    await service.createFlag('f');
    await service.createFlag('g');
    await expect.poll(() => service.gql(emergency('f'))).toMatchObject({ emergencyOverride: { __typename: 'FlagState' } });
    await service.gql(emergency('f'));
    await expect
      .poll(async () => (await service.readiness()).warnings)
      .toContainEqual(expect.stringMatching(/^stdout has taken nothing since .* \(write EPIPE\): \d+ log lines? (is|are) lost$/));
    const metrics = await service.metrics();
    expect(metrics).toMatch(/^flagtrail_stdout_up 0$/m);
    expect(metrics).toMatch(/^flagtrail_log_lines_lost [1-9]/m);

    const at = new Date(Date.now() + 2000).toISOString();
    const created = `createSchedule(input: { flagKey: "g", scheduledAt: "${at}", updates: { enabled: true } }) { __typename }`;
    expect(await service.gql(`mutation { ${created} }`)).toEqual({ createSchedule: { __typename: 'Schedule' } });
    await expect
      .poll(() => service.gql('{ flag(key: "g") { state { enabled } } }'))
      .toEqual({ flag: { state: { enabled: true } } });
    expect(await service.readiness()).toMatchObject({ status: 'ready' });
    service.kill('SIGTERM');
    expect(await service.exited).toBe(0);
  });

  it('goes on shipping to CloudWatch, says why stdout stands still, and writes what was missed once somebody reads', {
    timeout: 120_000,
  }, async () => {
    const cloudWatch = await startCloudWatchServer({ now: () => new Date() });
    atTestEnd(async () => cloudWatch[Symbol.asyncDispose]());
    const { url: DATABASE_URL } = await createPostgresDatabase();
    const aws = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    const settings = {
      DATABASE_URL,
      ...aws,
      AWS_ENDPOINT_URL: cloudWatch.url,
      CLOUDWATCH_LOG_GROUP: 'g',
      CLOUDWATCH_LOG_STREAM: 's',
    };
    const service = await startPiped(settings);
    const shipped = () => cloudWatch.accepted('g', 's').map(({ message }) => JSON.parse(message).flagKey as string);

    service.pipes.stdout?.resume();
    await service.createFlag('read');
    await expect.poll(shipped).toEqual(['read']);
    const readStatus = async () => {
      const { serviceStatus } = await service.gql('{ serviceStatus { sinks { name lag lastError } } }');
      return (serviceStatus as { sinks: { name: string }[] }).sinks.find(({ name }) => name === 'stdout');
    };
    await expect.poll(readStatus).toMatchObject({ lag: 0, lastError: null });
    service.pipes.stdout?.destroy();
    await service.createFlag('unread-1');
    await service.createFlag('unread-2');
    await expect.poll(shipped).toEqual(['read', 'unread-1', 'unread-2']);
    await expect.poll(readStatus).toMatchObject({ lag: 2, lastError: expect.stringContaining('EPIPE') });
    service.kill('SIGTERM');
    expect(await service.exited).toBe(0);

    const next = await startServe({ ...auth, ...settings });
    await next.untilReady({ timeoutMs: 60_000 });
    const written = () =>
      next
        .stdout()
        .split('\n')
        .flatMap((line) => /"eventType":"flag.created".*?"flagKey":"([^"]+)"/.exec(line)?.[1] ?? []);
    await expect.poll(written).toEqual(['unread-1', 'unread-2']);
  });
});

describe('a command', () => {
  const start = async (args: string[], { stdout }: { stdout: 'pipe' | number }) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts', ...args], {
      cwd: root,
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, DATA_DIR: await dataDirectory() },
      stdio: ['ignore', stdout, 'pipe'],
    });
    const exited = once(child, 'close').then(([code, signal]) => code ?? signal);
    atTestEnd(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    return { reader: child.stdout, outcome: async () => ({ code: await exited, errors }) };
  };

  it.each([['token'], ['status'], ['export flags']])('ends without a word when nobody reads what %s says', async (command) => {
    const { reader, outcome } = await start(command.split(' '), { stdout: 'pipe' });
    reader?.destroy();
    const { code, errors } = await outcome();
    expect({ code, errors }).toEqual({ code: command === 'status' ? 1 : 0, errors: '' });
  });

  it.skipIf(!existsSync('/dev/full'))('fails with one line where what it says cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    atTestEnd(async () => closeSync(full));
    const { outcome } = await start(['token'], { stdout: full });
    expect(await outcome()).toEqual({ code: 1, errors: expect.stringMatching(/^flagtrail: stdout takes nothing: ENOSPC.*\n$/) });
  });
});
