import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { logKey } from '../support/log-key.ts';
import { startServe } from '../support/serve-process.ts';
import { dataDirectory } from '../support/service.ts';

const realAuth = { AUTH_SECRET: 'a secret that has at least 32 bytes', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };

it('no banner, hence no token, is printed in production', async () => {
  const { url } = await createPostgresDatabase();
  const service = await startServe({ ...realAuth, NODE_ENV: 'production', DATABASE_URL: url, LOG_SIGNING_KEY: logKey });
  await service.untilReady();
  expect(service.stderr()).toBe('');
});

describe('a start that cannot be', () => {
  it.each([
    [{ PORT: 'http' }, 'PORT is "http"; allowed: a whole number from 0 to 65535'],
    [{ ROLES: 'api,cook' }, 'ROLES is "api,cook"; allowed: any of api, worker, audit'],
    [{ NODE_ENV: 'production' }, 'DATABASE_URL is not set'],
    [{ LOG_SIGNING_KEY: '/not/there' }, "LOG_SIGNING_KEY names '/not/there', which cannot be read"],
    [{ AUTH_ISSUER: 'https://id.example' }, 'AUTH_ISSUER is set, so there is no development key'],
  ])('%j: is refused in one line, without a stack trace', async (settings, said) => {
    const service = await startServe(settings as Record<string, string>);
    expect(await service.exited).toBe(1);
    expect(service.stderr()).toContain(said);
    expect(service.stderr()).toMatch(/^flagtrail: [^\n]+\n$/);
    expect(service.stdout()).toBe('');
  });

  it('a port that is taken: says so in one line', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void squatter.close());
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const service = await startServe({ PORT: String(port), DATA_DIR: await dataDirectory() });
    expect(await service.exited).toBe(1);
    expect(service.stderr()).toMatch(/^flagtrail: [^\n]*EADDRINUSE[^\n]*set PORT\n$/);
  });
});
