import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { startAuditApi } from '../support/audit-api.ts';
import { root } from '../support/serve-process.ts';

/** Runs an npm script of the project without npm, so that signals reach it; ended with the test. */
const startScript = (name: string, env: Record<string, string>) => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const [program, ...args] = String(scripts[name]).split(' ');
  expect(program).toBe('node');
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const ended = once(child, 'close').then(([code]): number | null => code);
  atTestEnd(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { output: () => output, stop };
};

describe('the examples record their events, and send what is left when they are stopped', () => {
  it('examples/node-service.ts', async () => {
    const api = await startAuditApi();
    const service = startScript('example:node', { FLAGTRAIL_URL: api.url, FLAGTRAIL_TOKEN: 'a-token' });
    await expect.poll(() => api.recorded().map(({ type }) => type)).toContain('data_export_completed');
    expect(await service.stop()).toBe(0);
    expect(api.requests.map(({ authorization }) => authorization)).toContain('Bearer a-token');
    const stopped = JSON.parse(service.output().trim().split('\n').at(-1) ?? '');
    expect(stopped).toMatchObject({ msg: 'stopped', sent: api.recorded().length, dropped: 0 });
  });

  it('examples/express-server.ts', async () => {
    const api = await startAuditApi();
    const service = startScript('example:express', { FLAGTRAIL_URL: api.url, FLAGTRAIL_TOKEN: 'a-token', PORT: '0' });
    await expect.poll(service.output).toContain('listening: ');
    const { port } = JSON.parse(/listening: (.*)/.exec(service.output())?.[1] ?? '');
    const response = await fetch(`http://127.0.0.1:${port}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: '{"userId":"jo"}',
    });
    expect(await response.json()).toEqual({ userId: 'jo' });
    expect(await service.stop()).toBe(0);
    expect(api.recorded()).toMatchObject([{ userId: 'jo', ipAddress: '127.0.0.1' }]);
    expect(service.output()).toContain('"sent":1');
  });
});
