import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parsePublicKey } from './public-key.ts';

const jwk = (key: KeyObject) => JSON.stringify(key.export({ format: 'jwk' }));

describe('a public key', () => {
  it.each([
    [
      'a private key as PEM',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'private key',
    ],
    ['a private key as JWK', jwk(generateKeyPairSync('ed25519').privateKey), 'private key'],
    ['a shared secret', '{"kty":"oct","k":"c2VjcmV0"}', 'shared secret'],
    ['a short RSA key', jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), '2048 bits'],
    ['a curve without an algorithm', jwk(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), 'curve'],
    ['a key that signs nothing', jwk(generateKeyPairSync('x25519').publicKey), 'type'],
    ['broken PEM', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'PEM'],
    ['broken JSON', '{"kty"', 'JSON'],
    ['an empty JWK', '{}', 'JWK'],
  ])('is not %s', (_, text, message) => {
    expect(() => parsePublicKey(text)).toThrow(message);
  });
});
