import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { findFreePort } from '../support/free-port.ts';
import { logKey } from '../support/log-key.ts';
import { temporaryFolder } from '../support/service.ts';
import { makeContainers } from './container.ts';
import { lastOf, pairsOf, parseDockerfile } from './dockerfile.ts';
import { type Built, buildImage, repository } from './image.ts';

const secret = 'a secret of at least 32 bytes, for this test alone';
const everything = (folder: string) => globSync('**/*', { cwd: folder, exclude: (name) => name === 'data' }).sort();

let image: Built;
beforeAll(async () => {
  const folder = temporaryFolder();
  // So that the folder can be deleted, which comes after this.
  atTestEnd(async () => void execFileSync('chmod', ['-R', 'u+w', folder]));
  execFileSync('chmod', ['755', folder]);
  image = await buildImage(folder);
  // As with `docker run --read-only`.
  execFileSync('chmod', ['-R', 'a-w', image.workdir]);
}, 240_000);

/** Each look is a process. */
const patiently = { timeout: 60_000, interval: 500 };

const startContainers = async ({ migrated }: { migrated: boolean }) => {
  const { url } = await createPostgresDatabase({ migrated });
  // The image listens on every interface; this machine has other users.
  return makeContainers(image, { DATABASE_URL: url, AUTH_SECRET: secret, LOG_SIGNING_KEY: logKey, HOST: '127.0.0.1' });
};

describe('the image', () => {
  it('migrates, serves, says that it is healthy and stops when told to, without writing to its own files', async () => {
    const before = everything(image.root);
    const containers = await startContainers({ migrated: false });
    const migrated = await containers.run(['migrate']);
    expect(migrated).toMatchObject({ code: 0, out: expect.stringContaining('The database is up to date.') });

    const port = String(await findFreePort());
    const api = containers.start(undefined, { PORT: port });
    await expect.poll(api.checkHealth, patiently).toBe(0);

    const { out } = await containers.run(['token', '--sub', 'alice', '--groups', 'admin']);
    const answers = () => ask(port, { query: '{ viewer { actor { id } roles } }', token: out.trim() });
    await expect
      .poll(answers, { timeout: 60_000 })
      .toEqual({ status: 200, body: { data: { viewer: { actor: { id: 'alice' }, roles: expect.arrayContaining(['ADMIN']) } } } });

    expect(await api.stop()).toMatchObject({ code: 0, signal: null, written: expect.stringContaining('"stopped"') });
    expect(await api.checkHealth()).toBe(1);
    expect(everything(image.root)).toEqual(before);
  }, 180_000);

  it('runs a worker that answers the same health check', async () => {
    const containers = await startContainers({ migrated: true });
    const worker = containers.start(['worker'], { PORT: String(await findFreePort()) });
    await expect.poll(worker.checkHealth, patiently).toBe(0);
    expect(await worker.stop()).toMatchObject({ code: 0 });
  }, 120_000);

  it('starts nothing without a database, a key for the log and real authentication', async () => {
    expect(await makeContainers(image, {}).run(['serve'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /DATABASE_URL is not set.*LOG_SIGNING_KEY is not set.*none of AUTH_JWKS_URL, AUTH_PUBLIC_KEY, AUTH_SECRET is set/,
      ),
    });
  });

  it('holds no package manager, no sources and no tests', () => {
    const files = everything(image.root);
    const [theirs, ours] = [true, false].map((is) => files.filter((file) => file.includes('node_modules/') === is)) as [
      string[],
      string[],
    ];
    const commands = /(^|\/)(npm|npx|corepack|yarn|yarnpkg|pnpm)(\.c?js)?$/;
    const packages = /(^|\/)node_modules\/(npm|corepack|yarn|pnpm|node|typescript|vitest|prisma|prisma-cli)\/package\.json$/;
    expect(files.filter((file) => commands.test(file))).toEqual([]);
    expect(theirs.filter((file) => packages.test(file))).toEqual([]);
    expect(ours.filter((file) => /(?<!\.d)\.ts$|\.test\./.test(file))).toEqual([]);
    expect(ours).toContain('app/dist/main.js');
    expect(theirs).toContain('app/node_modules/pg/package.json');
  });
});

describe('the Dockerfile', () => {
  const stages = parseDockerfile(readFileSync(path.join(repository, 'Dockerfile'), 'utf8'));
  const last = stages.at(-1) ?? expect.unreachable('there is no stage');
  const { version, license, devDependencies } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8'));

  it('uses one release of Node, the one that the tests run on', () => {
    const [, major] = /^\^(\d+)\./.exec(devDependencies.node) ?? [];
    expect([...new Set(stages.map(({ base }) => base))]).toEqual([`node:${major}-slim`]);
  });

  it('says whom it runs as, where it listens and where it keeps its data', () => {
    expect(lastOf(last, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(pairsOf(last, 'ENV')).toEqual({ NODE_ENV: 'production', HOST: '0.0.0.0', PORT: '4000', DATA_DIR: '/data' });
    expect([lastOf(last, 'EXPOSE'), lastOf(last, 'VOLUME')]).toEqual(['4000', '/data']);
  });

  it('is labelled with the package’s name, version and licence', () => {
    expect(pairsOf(last, 'ARG').VERSION).toBe(version);
    const labels = Object.entries(pairsOf(last, 'LABEL'));
    expect(Object.fromEntries(labels.map(([name, value]) => [name.replace('org.opencontainers.image.', ''), value]))).toEqual({
      title: 'Flagtrail',
      description: expect.any(String),
      licenses: license,
      version: '$VERSION',
      revision: '$REVISION',
    });
  });
});

const ask = async (port: string, { query, token }: { query: string; token: string }) => {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, body: await response.json() };
};
