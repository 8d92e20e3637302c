import { createSecretKey, type KeyObject } from 'node:crypto';
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

type Options = {
  dataDir: string;
  /** Returns `size` bytes that nobody can guess. */
  randomBytes: (size: number) => Buffer;
};

/**
 * This service's own signing key of 256 bits: made on the first start and kept in `DATA_DIR/development-key`, so that tokens
 * survive a restart. Processes that start at the same time agree on one key. Throws if the file holds anything else, or if others
 * can read or write it, because then they could sign tokens.
 */
export const openDevelopmentKey = async ({ dataDir, randomBytes }: Options): Promise<KeyObject> => {
  const path = join(dataDir, 'development-key');
  await refuseExposed(path);
  const text = (await nullIfMissing(readFile(path, 'utf8'))) ?? (await create(path, { dataDir, randomBytes }));
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.length !== 32) {
    throw new Error(
      `${path} does not contain a development key (32 bytes, base64url); delete it, and the next start makes a new one`,
    );
  }
  return createSecretKey(key);
};

const refuseExposed = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return;
  const { mode } = (await nullIfMissing(stat(path))) ?? { mode: 0 };
  if ((mode & 0o077) === 0) return;
  throw new Error(
    `${path} can be read or written by other users (mode ${(mode & 0o777).toString(8)}), so anybody may have signed tokens with it; delete it, and the next start makes a new key`,
  );
};

const nullIfMissing = <T>(found: Promise<T>): Promise<T | null> =>
  found.catch((error) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });

const create = async (path: string, { dataDir, randomBytes }: Options): Promise<string> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // Unlike a rename, a link never replaces a file: one of several processes wins, and none sees half a key.
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  return readFile(path, 'utf8');
};

const hasCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code;
