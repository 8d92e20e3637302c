import { generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { startSeconds } from '../../../test/support/authentication.ts';
import { makeAuthenticate } from './authenticate.ts';
import { jwksKeys } from './jwks-keys.ts';
import { withUsableKeys } from './usable-keys.ts';

const setUp = async (keys: unknown[]) => {
  const served = { keys };
  const server = createServer((_, response) => void response.end(JSON.stringify(served))).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  atTestEnd(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  let nowMs = startSeconds * 1000;
  const clock = { now: () => new Date(nowMs) };
  const warnings: unknown[] = [];
  const logger = { warn: (details: object) => void warnings.push(details) };
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
  const groups = { admin: [], auditor: [], auditWriter: [] };
  const authenticate = makeAuthenticate({
    keys: jwksKeys({ url, clock, logger }),
    issuer: null,
    audience: null,
    groups,
    clock,
    logger,
  });
  const advance = (seconds: number) => {
    nowMs += seconds * 1000;
  };
  return { authenticate, served, warnings, advance };
};

let serial = 0;
const claims = () => ({ sub: 'alice', exp: startSeconds + 86_400, jti: String(serial++) });
const newKey = async (kid?: string, alg = 'ES256') => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), ...(kid && { kid }) };
  const token = () => new SignJWT(claims()).setProtectedHeader({ alg, ...(kid && { kid }) }).sign(privateKey);
  return { jwk, token, privateJwk: { ...(await exportJWK(privateKey)), kid } as JWK };
};
/** A token that the library would not sign: by an RSA key of 1,024 bits. */
const weakToken = (key: KeyObject, kid?: string) => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: 'RS256', kid })}.${encode(claims())}`;
  return `${input}.${signBytes('sha256', Buffer.from(input), key).toString('base64url')}`;
};
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const weakJwk = (kid?: string) => ({ ...weak.publicKey.export({ format: 'jwk' }), ...(kid && { kid }) });

const unknownKey = { name: 'AuthenticationError', message: 'the token is signed with an unknown key' };

describe('a key of the identity provider’s that cannot be used', () => {
  it.each<[what: string, problem: string, broken: (kid: string) => Promise<unknown>]>([
    ['is no object', 'it is not a JSON object', async () => 'a key'],
    ['is null', 'it is not a JSON object', async () => null],
    ['has a coordinate that cannot be', 'it cannot be read', async (kid) => ({ ...(await newKey(kid)).jwk, x: 'AAAA' })],
    ['lacks a coordinate', 'it cannot be read', async (kid) => ({ ...(await newKey(kid)).jwk, y: undefined })],
    [
      'has a modulus that is no text',
      'it has 0 bits: an RSA key needs at least 2048',
      async (kid) => ({ kty: 'RSA', kid, n: 7, e: 'AQAB' }),
    ],
    ['is a private key', 'it is a private key', async (kid) => (await newKey(kid)).privateJwk],
    ['has 1,024 bits', 'it has 1024 bits: an RSA key needs at least 2048', async (kid) => weakJwk(kid)],
  ])('since it %s: the others are used all the same, and the log says so once', async (_what, problem, broken) => {
    const good = await newKey('good');
    const { authenticate, served, warnings, advance } = await setUp([await broken('bad'), good.jwk]);
    expect((await authenticate(await good.token())).userId).toBe('alice');
    expect(warnings).toMatchObject([{ index: 0, problem }]);
    advance(600);
    await authenticate(await good.token());
    expect(warnings).toHaveLength(1);
    served.keys = [good.jwk];
    advance(600);
    await authenticate(await good.token());
    served.keys = [good.jwk, await broken('bad')];
    advance(600);
    await authenticate(await good.token());
    expect(warnings).toHaveLength(2);
  });

  it('refuses its own tokens as those of an unknown key, and is no fault of ours', async () => {
    const good = await newKey('good');
    const { authenticate } = await setUp([weakJwk('weak'), { ...(await newKey('broken')).jwk, x: 'AAAA' }, good.jwk]);
    await expect(authenticate(weakToken(weak.privateKey, 'weak'))).rejects.toMatchObject(unknownKey);
    await expect(authenticate(await (await newKey('broken')).token())).rejects.toMatchObject(unknownKey);
  });

  it('does not stand in the way of tokens that name no key', async () => {
    const [good, other] = [await newKey(undefined, 'RS256'), await newKey(undefined, 'RS256')];
    const { authenticate } = await setUp([weakJwk(), { kty: 'RSA', n: '!', e: 'AQAB' }, other.jwk, good.jwk]);
    expect((await authenticate(await good.token())).userId).toBe('alice');
    await expect(authenticate(weakToken(weak.privateKey))).rejects.toThrow('signature does not match');
  });

  it('does not stand in the way of another one of the same name', async () => {
    const good = await newKey('one');
    const { authenticate } = await setUp([{ ...good.jwk, x: 'AAAA' }, good.jwk]);
    expect((await authenticate(await good.token())).userId).toBe('alice');
  });
});

it('keys that no token would choose are left alone, without a warning', async () => {
  const warnings: object[] = [];
  const keys = [
    { kty: 'RSA', use: 'enc', alg: 'RSA-OAEP', n: '!', e: '!' },
    { kty: 'RSA', alg: 'RSA-OAEP', n: '!', e: '!' },
    { kty: 'EC', crv: 'secp256k1', x: '!', y: '!' },
    { kty: 'AKP', alg: 'ML-DSA-44', pub: '!' },
    { kty: 'oct', k: '!' },
  ];
  const fetched = withUsableKeys(async () => Response.json({ keys, extra: 1 }), {
    algorithms: ['RS256', 'ES256'],
    logger: { warn: (details) => void warnings.push(details) },
  });
  const response = await fetched('https://id.example/jwks', {
    headers: new Headers(),
    method: 'GET',
    redirect: 'manual',
    signal: AbortSignal.timeout(1000),
  });
  expect(await response.json()).toEqual({ keys, extra: 1 });
  expect(warnings).toEqual([]);
});
