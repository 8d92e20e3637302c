import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { startServe } from '../support/serve-process.ts';
import { dataDirectory } from '../support/service.ts';

const realAuth = { AUTH_SECRET: 'a secret that has at least 32 bytes', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };

describe('a start in development mode', () => {
  it('says on stderr where it is, with an address that signs a browser in, a token and a curl that works as printed, before it is ready', {
    timeout: 70_000,
  }, async (ctx) => {
    // Nothing is there yet: it makes a cluster, which takes long on a busy machine.
    const service = await startServe();
    await service.untilReady({ timeoutMs: 60_000 });
    const banner = service.stderr();
    expect(banner).toContain(`${service.url}/graphql`);
    const [address = ''] = banner.match(/^http:\S+\/graphql\?code=\w+$/m) ?? [];
    const signedIn = await fetch(address, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect(signedIn.headers.getSetCookie()).toHaveLength(1);
    const token = /^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(banner)?.[0] ?? '';
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: '{"query":"{ viewer { roles } }"}',
    });
    expect(await response.json()).toEqual({ data: { viewer: { roles: ['ADMIN'] } } });

    const commands = banner.match(/^curl .*$/gm) ?? [];
    expect(commands).toHaveLength(1);
    if (spawnSync('curl', ['--version']).error) ctx.skip('there is no curl on this machine to run what the banner prints');
    const { stdout } = await promisify(execFile)('bash', ['-c', commands[0] ?? '']);
    expect(JSON.parse(stdout)).toEqual({
      data: {
        viewer: { actor: { id: 'developer' }, roles: ['ADMIN'] },
        environments: expect.arrayContaining([{ key: 'production' }]),
      },
    });
  });

  it('writes nothing but lines of JSON to stdout, from the start to the end', async () => {
    const { url } = await createPostgresDatabase();
    const service = await startServe({ LOG_LEVEL: 'debug', DATABASE_URL: url });
    await service.untilReady();
    const authorization = `Bearer ${/^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(service.stderr())?.[0]}`;
    const query = 'mutation { createFlag(input: { key: "f", name: "F" }) { __typename } }';
    await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ query }),
    });
    service.kill('SIGTERM');
    expect(await service.exited).toBe(0);
    expect(service.stdout()).toMatch(/\n$/);
    const entries = service.stdout().trimEnd().split('\n');
    const parsed = entries.map((line): unknown => JSON.parse(line));
    for (const entry of parsed) expect(entry).toEqual(expect.any(Object));
    expect(parsed).toContainEqual(expect.objectContaining({ msg: 'started' }));
    expect(parsed).toContainEqual(expect.objectContaining({ eventType: 'flag.created' }));
    expect(service.stdout()).not.toContain(authorization.slice('Bearer '.length));
  });
});

describe('no banner, hence no token, is printed', () => {
  it('with real authentication', async () => {
    const { url } = await createPostgresDatabase();
    const service = await startServe({ ...realAuth, DATABASE_URL: url });
    await service.untilReady();
    expect(service.stderr()).toBe('');
  });

  it('in production', async () => {
    const { url } = await createPostgresDatabase();
    const service = await startServe({ ...realAuth, NODE_ENV: 'production', DATABASE_URL: url });
    await service.untilReady();
    expect(service.stderr()).toBe('');
  });
});

describe('a start that cannot be', () => {
  it.each([
    [{ PORT: 'http' }, 'PORT is "http"; allowed: a whole number from 0 to 65535'],
    [{ ROLES: 'api,cook' }, 'ROLES is "api,cook"; allowed: any of api, worker, audit'],
    [{ NODE_ENV: 'production' }, 'DATABASE_URL is not set'],
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
