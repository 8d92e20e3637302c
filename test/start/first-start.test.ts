import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { startServe } from '../support/serve-process.ts';
import { dataDirectory, temporaryFolder } from '../support/service.ts';

/** Everything in a folder, and the folder, that others than its owner can use. */
const exposedIn = (folder: string): string[] =>
  [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name))].filter(
    (file) => (lstatSync(file).mode & 0o077) !== 0,
  );

describe('the first start, in development mode', () => {
  /** One for all the tests: it makes a database cluster, which takes seconds of CPU. */
  let service: Awaited<ReturnType<typeof startServe>>;
  let dataDir = '';
  beforeAll(async () => {
    dataDir = path.join(temporaryFolder(), 'data');
    service = await startServe({ DATA_DIR: dataDir, LOG_LEVEL: 'debug' });
    await service.untilReady({ timeoutMs: 60_000 });
  }, 70_000);
  const readToken = () => /^[\w-]+\.[\w-]+\.[\w-]+$/m.exec(service.stderr())?.[0] ?? '';
  const gql = async (query: string) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${readToken()}` },
      body: JSON.stringify({ query }),
    });
    return response.json();
  };

  it('says on stderr where it is, with an address that signs a browser in, a token and a curl that works as printed, before it is ready', async (ctx) => {
    const banner = service.stderr();
    expect(banner).toContain(`${service.url}/graphql`);
    const [address = ''] = banner.match(/^http:\S+\/graphql\?code=\w+$/m) ?? [];
    const signedIn = await fetch(address, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect(signedIn.headers.getSetCookie()).toHaveLength(1);
    expect(await gql('{ viewer { roles } }')).toEqual({ data: { viewer: { roles: ['ADMIN'] } } });

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

  it.skipIf(process.platform === 'win32')('makes everything in DATA_DIR for its owner alone', () => {
    expect(readdirSync(dataDir).sort()).toEqual(expect.arrayContaining(['development-key', 'flagtrail.lock', 'pglite']));
    expect(exposedIn(dataDir)).toEqual([]);
    expect(service.stdout()).not.toContain('could be used by other users');
  });

  it('writes nothing but lines of JSON to stdout, until it ends', async () => {
    await gql('mutation { createFlag(input: { key: "f", name: "F" }) { __typename } }');
    service.kill('SIGTERM');
    expect(await service.exited).toBe(0);
    expect(service.stdout()).toMatch(/\n$/);
    const entries = service.stdout().trimEnd().split('\n');
    const parsed = entries.map((line): unknown => JSON.parse(line));
    for (const entry of parsed) expect(entry).toEqual(expect.any(Object));
    expect(parsed).toContainEqual(expect.objectContaining({ msg: 'started' }));
    expect(parsed).toContainEqual(expect.objectContaining({ eventType: 'flag.created' }));
    expect(service.stdout()).not.toContain(readToken());
  });
});

it.skipIf(process.platform === 'win32')(
  'a DATA_DIR that others can use is taken from them at the start, with a warning',
  async () => {
    const folder = await dataDirectory();
    chmodSync(folder, 0o777);
    for (const file of readdirSync(path.join(folder, 'pglite'))) {
      const found = path.join(folder, 'pglite', file);
      if (lstatSync(found).isFile()) chmodSync(found, 0o666);
    }
    const service = await startServe({ DATA_DIR: folder });
    await service.untilReady({ timeoutMs: 60_000 });
    expect(exposedIn(folder)).toEqual([]);
    expect(service.stdout()).toMatch(/"level":"warn".*could be used by other users of this machine: they no longer can/);
  },
);
