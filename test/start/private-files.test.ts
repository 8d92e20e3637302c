import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startServe } from '../support/serve-process.ts';
import { dataDirectory } from '../support/service.ts';

/** Everything in a folder, and the folder, that others than its owner can use. */
const exposedIn = (folder: string): string[] =>
  [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name))].filter(
    (file) => (lstatSync(file).mode & 0o077) !== 0,
  );

it.skipIf(process.platform === 'win32')(
  'everything in DATA_DIR is for its owner alone, from the first start on',
  { timeout: 70_000 },
  async () => {
    const folder = path.join(await dataDirectory(), 'data');
    const service = await startServe({ DATA_DIR: folder });
    await service.untilReady({ timeoutMs: 60_000 });
    expect(readdirSync(folder).sort()).toEqual(expect.arrayContaining(['development-key', 'flagtrail.lock', 'pglite']));
    expect(exposedIn(folder)).toEqual([]);
    expect(service.stdout()).not.toContain('could be used by other users');
  },
);

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
