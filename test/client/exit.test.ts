import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startAuditApi } from '../support/audit-api.ts';

const program = fileURLToPath(new URL('logging-process.ts', import.meta.url));

const start = (...args: string[]) => {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const errors = text(child.stderr as NonNullable<typeof child.stderr>);
  const ended = once(child, 'exit').then(async ([code, signal]) => ({ code, signal, errors: await errors }));
  return { child, ended, logged: once(child, 'message') };
};

it('a process that is told to stop sends what it has logged, and ends', async () => {
  const api = await startAuditApi();
  const { child, ended, logged } = start(api.url, '1200', 'SIGTERM');
  await logged;
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, signal: null, errors: '' });
  expect(api.recorded()).toHaveLength(1200);
});

it('a process whose deadline passes says how many events it leaves behind, and ends', async () => {
  const api = await startAuditApi();
  api.will('hang');
  const { ended } = start(api.url, '700', 'deadline');
  const { code, errors } = await ended;
  expect(code).toBe(0);
  expect(errors).toContain('flagtrail: close() gave up audit events');
  expect(errors).toContain('"events":700');
});

it('a process that has nothing else to do is not kept alive', async () => {
  const api = await startAuditApi();
  const { ended } = start(api.url, '3', 'none');
  expect(await ended).toEqual({ code: 0, signal: null, errors: '' });
  expect(api.requests).toHaveLength(0);
});
