import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import path from 'node:path';

type Options = {
  file: string;
  /** Makes the text of a new file. */
  make: () => string;
  /** What others may have done with the secret if they could read it; for the error's sentence. */
  risk: string;
  /** Returns `size` bytes that nobody can guess. */
  randomBytes: (size: number) => Buffer;
};

/**
 * The text of a file with a secret of this service's own, which is made on the first start. Processes that start at the same time
 * agree on one secret. Throws if others can read or write the file.
 */
export const openSecretFile = async ({ file, make, risk, randomBytes }: Options): Promise<string> => {
  await refuseExposed(file, risk);
  const found = await nullIfMissing(readFile(file, 'utf8'));
  if (found !== null) return found;
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  await writeSecretFile(draft, make());
  try {
    // Unlike a rename, a link never replaces a file: one of several processes wins, and none sees half a secret.
    await link(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  return readFile(file, 'utf8');
};

/** Writes a new file that only its owner can read. Throws an Error if there is one already. */
export const writeSecretFile = async (file: string, text: string): Promise<void> => {
  const handle = await open(file, 'wx', 0o600).catch((error) => {
    throw hasCode(error, 'EEXIST') ? new Error(`'${file}' exists, and a secret is never overwritten`) : error;
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const refuseExposed = async (file: string, risk: string): Promise<void> => {
  if (process.platform === 'win32') return;
  const { mode } = (await nullIfMissing(stat(file))) ?? { mode: 0 };
  if ((mode & 0o077) === 0) return;
  throw new Error(
    `${file} can be read or written by other users (mode ${(mode & 0o777).toString(8)}), so anybody may have ${risk}; delete it, and the next start makes a new key`,
  );
};

const nullIfMissing = <T>(found: Promise<T>): Promise<T | null> =>
  found.catch((error) => {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  });

const hasCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code;
