import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifierLine } from './ed25519-notes.ts';
import { newSigningKey, openSigningKey, parseSigningKey, parseSigningKeySource } from './signing-key.ts';

const lineOf = (key: Parameters<typeof verifierLine>[1]) => verifierLine('log', key);
const pem = newSigningKey();
const privatePem = (type: 'rsa' | 'ed448') =>
  (type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed448')).privateKey
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();

describe('LOG_SIGNING_KEY', () => {
  it('is a key as PEM, also with \\n for line breaks', () => {
    for (const text of [pem, pem.replaceAll('\n', '\\n'), `\n${pem}\n`])
      expect(lineOf(parseSigningKey(text))).toBe(lineOf(parseSigningKey(pem)));
  });

  it('is otherwise the path of a file', () => {
    expect(parseSigningKeySource('/run/secrets/log.key')).toEqual({ kind: 'file', path: '/run/secrets/log.key' });
    expect(parseSigningKeySource(pem).kind).toBe('key');
  });

  it('is no path if it looks like a key without its first and last line, and the refusal does not quote it', () => {
    const body = pem.split('\n')[1] ?? '';
    const seed = Buffer.from(body, 'base64').subarray(-32);
    for (const text of [body, ` ${body}\n`, seed.toString('hex'), seed.toString('base64'), seed.toString('base64url'), `a\nb`]) {
      expect(() => parseSigningKeySource(text)).toThrow('it is neither PEM nor a path');
      expect(() => parseSigningKeySource(text)).not.toThrow(text.trim());
    }
  });

  it.each([
    ['a public key', createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString(), 'it is not a private key'],
    ['an RSA key', privatePem('rsa'), 'it is a key of the type rsa, and the log is signed with Ed25519'],
    ['an Ed448 key', privatePem('ed448'), 'it is a key of the type ed448'],
    ['half a key', pem.slice(0, 60), 'it cannot be read as PEM'],
    [
      'an encrypted key',
      generateKeyPairSync('ed25519', {
        privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      }).privateKey,
      'it is encrypted',
    ],
  ])('is not %s, and the refusal says why without quoting it', (_what, text, said) => {
    const body = text.split('\n')[1] ?? '';
    expect(() => parseSigningKey(text)).toThrow(said);
    expect(() => parseSigningKey(text)).not.toThrow(body);
  });
});

describe('the key that signs', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'flagtrail-key-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));
  const openOwn = async () => lineOf(await openSigningKey({ kind: 'development' }, { dataDir }));
  const own = () => path.join(dataDir, 'log-signing-key');

  it('is made in development, readable by its owner alone, and stays the same for all that start at once', async () => {
    expect(new Set(await Promise.all(Array.from({ length: 10 }, openOwn))).size).toBe(1);
    expect((await stat(own())).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['log-signing-key']);
  });

  it('is not taken from a file that others can read, or that holds something else', async () => {
    await openOwn();
    await chmod(own(), 0o640);
    await expect(openOwn()).rejects.toThrow(/log-signing-key can be read or written by other users .* signed the log with it/);
    await chmod(own(), 0o600);
    await writeFile(own(), 'not a key');
    await expect(openOwn()).rejects.toThrow(/log-signing-key holds no signing key: .* delete it/);
  });

  it('comes from the file that the setting names, whose mistakes are told with its name', async () => {
    const file = path.join(dataDir, 'key.pem');
    const open = () => openSigningKey({ kind: 'file', path: file }, { dataDir });
    await expect(open()).rejects.toThrow(`LOG_SIGNING_KEY names '${file}', which cannot be read (`);
    await writeFile(file, 'not a key');
    await expect(open()).rejects.toThrow(`LOG_SIGNING_KEY names '${file}', which is not an Ed25519 private key`);
    await writeFile(file, pem);
    expect(lineOf(await open())).toBe(lineOf(parseSigningKey(pem)));
  });
});
