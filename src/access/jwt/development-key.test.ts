import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDevelopmentKey } from './development-key.ts';

let parent = '';
let dataDir = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'flagtrail-key-'));
  dataDir = join(parent, 'not', 'there', 'yet');
});
afterEach(() => rm(parent, { recursive: true }));
const open = async () => (await openDevelopmentKey({ dataDir, randomBytes })).export().toString('hex');

describe('the development key', () => {
  it('is made on the first start, 256 bits, readable by its owner alone', async () => {
    expect(await open()).toHaveLength(64);
    expect((await stat(join(dataDir, 'development-key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['development-key']);
  });

  it('stays the same over restarts, and differs between folders', async () => {
    const first = await open();
    expect(await open()).toBe(first);
    dataDir = join(parent, 'elsewhere');
    expect(await open()).not.toBe(first);
  });

  it('is one key for all that start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, open));
    expect(new Set(keys).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['development-key']);
  });

  it.each(['', 'not a key', randomBytes(31).toString('base64url')])('is not taken from a file that holds %j', async (text) => {
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'development-key'), text, { mode: 0o600 });
    await expect(open()).rejects.toThrow(/development-key does not contain a development key .* delete it/);
  });

  it.each([0o644, 0o620, 0o602])('is not taken from a file of mode %o, which others can read or write', async (mode) => {
    await open();
    await chmod(join(dataDir, 'development-key'), mode);
    await expect(open()).rejects.toThrow(/development-key can be read or written by other users .* delete it/);
  });
});
