import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { goodClaims, refusalOf, secret, setUp, sign } from '../../../test/support/authentication.ts';
import { parsePublicKey } from './public-key.ts';
import { publicKeyOf, secretKey } from './verification-keys.ts';

describe('the algorithm', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

  it('none is never accepted', async () => {
    const token = `${encode({ alg: 'none' })}.${encode(goodClaims)}.`;
    for (const keys of [secretKey(secret), publicKeyOf(parsePublicKey(pem))]) {
      expect((await refusalOf(setUp(keys).authenticate(token))).message).toBe("the token's algorithm is not accepted");
    }
  });

  it('of a shared secret is not accepted with a public key: it would make the public key the secret', async () => {
    const input = `${encode({ alg: 'HS256' })}.${encode(goodClaims)}`;
    const { authenticate } = setUp(publicKeyOf(parsePublicKey(pem)));
    for (const form of [pem, pem.trim(), rsa.publicKey.export({ type: 'spki', format: 'der' })]) {
      const token = `${input}.${createHmac('sha256', form).update(input).digest('base64url')}`;
      expect((await refusalOf(authenticate(token))).message).toBe("the token's algorithm is not accepted");
    }
  });

  it('must not need a longer secret than there is', async () => {
    const long = createSecretKey(Buffer.alloc(64, 7));
    const token = await sign(goodClaims, { alg: 'HS512', key: long });
    expect((await setUp(secretKey(long)).authenticate(token)).userId).toBe('alice');
    expect((await refusalOf(setUp().authenticate(token))).message).toBe("the token's algorithm is not accepted");
  });

  it.each([
    ['RS256', rsa],
    ['PS512', rsa],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ])('%s is verified with a public key, given as PEM or JWK', async (alg, { publicKey, privateKey }) => {
    const token = await sign(goodClaims, { alg, key: privateKey });
    const forms = [
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
    ];
    for (const form of forms) {
      const { authenticate } = setUp(publicKeyOf(parsePublicKey(form)));
      expect((await authenticate(token)).userId).toBe('alice');
      const endless = await sign({ ...goodClaims, exp: undefined }, { alg, key: privateKey });
      expect((await refusalOf(authenticate(endless))).message).toBe('the token has no "exp"');
    }
  });
});
