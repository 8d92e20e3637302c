import { createSecretKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { openSecretFile } from '../../process/secret-file.ts';

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
  const file = join(dataDir, 'development-key');
  const make = () => `${randomBytes(32).toString('base64url')}\n`;
  const text = await openSecretFile({ file, make, risk: 'signed tokens with it', randomBytes });
  const key = Buffer.from(text.trim(), 'base64url');
  if (key.length !== 32) {
    throw new Error(
      `${file} does not contain a development key (32 bytes, base64url); delete it, and the next start makes a new one`,
    );
  }
  return createSecretKey(key);
};
