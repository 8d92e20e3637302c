import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describeError } from '../../kernel/describe-error.ts';
import { openSecretFile } from '../../process/secret-file.ts';

/** Where the key that signs the log comes from. */
export type SigningKeySource =
  | { kind: 'key'; key: KeyObject }
  | { kind: 'file'; path: string }
  /** The service makes its own, and keeps it in DATA_DIR. */
  | { kind: 'development' };

const howToMake = "'flagtrail log new-key' or 'openssl genpkey -algorithm ed25519' makes one";

/** An Ed25519 key as base64 without PEM's first and last line, or its 32 bytes as hex or base64; or several lines of anything. */
const bareKey = /MC4CAQAwBQYDK2Vw|^(?:[\da-f]{64}|[\w+/-]{43}=|[\w-]{43})$|\n/i;

/** Reads the setting LOG_SIGNING_KEY: a key, or the path of a file with one. Throws an Error that does not quote the key. */
export const parseSigningKeySource = (text: string): SigningKeySource => {
  if (text.includes('-----BEGIN')) return { kind: 'key', key: parseSigningKey(text) };
  // Whoever reads that a file is missing reads its path.
  if (bareKey.test(text))
    throw new Error(`it is neither PEM nor a path; PEM has a first line -----BEGIN PRIVATE KEY-----; ${howToMake}`);
  return { kind: 'file', path: text };
};

/**
 * Reads an Ed25519 private key: PEM (PKCS#8; `\n` can stand for a line break, as in environment files). Throws an Error whose
 * message says what is wrong, and never quotes the key.
 */
export const parseSigningKey = (text: string): KeyObject => {
  if (/-----BEGIN (?!.*PRIVATE KEY)/.test(text)) throw new Error(`it is not a private key; ${howToMake}`);
  if (text.includes('-----BEGIN ENCRYPTED')) throw new Error('it is encrypted; remove the passphrase with `openssl pkey`');
  const key = readPem(text.replaceAll('\\n', '\n').trim());
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`it is a key of the type ${key.asymmetricKeyType}, and the log is signed with Ed25519; ${howToMake}`);
  return key;
};

const readPem = (pem: string): KeyObject => {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    throw new Error(`it cannot be read as PEM (PKCS#8); ${howToMake}`);
  }
};

/** A new key, as PEM. */
export const newSigningKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Reads a key from a file. Throws an Error that names the file. `name` says whose path it is. */
export const readSigningKey = async (file: string, name: string): Promise<KeyObject> => {
  const text = await readFile(file, 'utf8').catch((error) => {
    throw new Error(`${name} names '${file}', which cannot be read (${describeError(error)}); ${howToMake}`);
  });
  try {
    return parseSigningKey(text);
  } catch (error) {
    throw new Error(`${name} names '${file}', which is not an Ed25519 private key: ${describeError(error)}`);
  }
};

/** The key that signs the log. Throws an Error for a file that cannot be used. */
export const openSigningKey = async (source: SigningKeySource, { dataDir }: { dataDir: string }): Promise<KeyObject> => {
  switch (source.kind) {
    case 'key':
      return source.key;
    case 'file':
      return readSigningKey(source.path, 'LOG_SIGNING_KEY');
    case 'development': {
      const file = path.join(dataDir, 'log-signing-key');
      const text = await openSecretFile({ file, make: newSigningKey, risk: 'signed the log with it', randomBytes });
      try {
        return parseSigningKey(text);
      } catch (error) {
        throw new Error(`${file} holds no signing key: ${describeError(error)}; delete it, and the next start makes a new one`);
      }
    }
  }
};
