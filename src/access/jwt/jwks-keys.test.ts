import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { makeAuthenticate } from './authenticate.ts';
import { jwksKeys } from './jwks-keys.ts';

const exp = Date.parse('2026-01-01T00:00:00Z') / 1000;

/** A server of keys, an authenticator that reads them, and a clock that only the test moves. */
const setUp = async ({ timeoutMs = 10_000 } = {}) => {
  const served = {
    keys: [] as JWK[],
    requests: 0,
    status: 200,
    body: null as string | null,
    silent: false,
    held: [] as ServerResponse[],
    /** A body without an end, what was sent of it, and how often its reader went away. */
    endless: false,
    bytes: 0,
    endedEarly: 0,
  };
  const sendForever = (response: ServerResponse) => {
    const chunk = Buffer.alloc(64 * 1024, ' ');
    const send = () => {
      do served.bytes += chunk.length;
      while (response.write(chunk));
    };
    response.on('drain', send).on('close', () => {
      served.endedEarly += 1;
    });
    response.writeHead(served.status);
    send();
  };
  const server = createServer((_, response) => {
    served.requests += 1;
    if (served.silent) return void served.held.push(response);
    if (served.endless) return sendForever(response);
    response.writeHead(served.status).end(served.body ?? JSON.stringify({ keys: served.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
  let nowMs = (exp - 86_400) * 1000;
  const clock = { now: () => new Date(nowMs) };
  const warnings: string[] = [];
  const logger = { warn: (_: object, message: string) => void warnings.push(message) };
  const authenticate = makeAuthenticate({
    keys: jwksKeys({ url, clock, logger, timeoutMs }),
    issuer: null,
    audience: null,
    groups: { admin: [], auditor: [], auditWriter: [] },
    clock,
    logger,
  });
  return {
    authenticate,
    served,
    warnings,
    advance: (seconds: number) => {
      nowMs += seconds * 1000;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
const newKey = async (kid?: string) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
};
let serial = 0;
/** Never the same token twice: one that was verified a moment ago would need no key. */
const sign = ({ kid, privateKey }: { kid?: string; privateKey: CryptoKey }) =>
  new SignJWT({ sub: 'alice', jti: String(serial++), exp }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);

const unavailable = { name: 'AuthenticationUnavailableError' };
const unknownKey = { name: 'AuthenticationError', message: 'the token is signed with an unknown key' };

it('fetches the keys once for many tokens, and only when the first comes', async () => {
  await using idp = await setUp();
  const key = await newKey('a');
  idp.served.keys = [key.jwk];
  expect(idp.served.requests).toBe(0);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => sign(key)));
  await Promise.all(tokens.map(idp.authenticate));
  expect(idp.served.requests).toBe(1);
});

it('fetches again for a key that it does not know: rotation needs no restart', async () => {
  await using idp = await setUp();
  const [old, fresh] = [await newKey('old'), await newKey('fresh')];
  idp.served.keys = [old.jwk];
  await idp.authenticate(await sign(old));
  idp.served.keys = [fresh.jwk, old.jwk];
  idp.advance(5);
  await idp.authenticate(await sign(fresh));
  await idp.authenticate(await sign(old));
  expect(idp.served.requests).toBe(2);
});

it('lets made-up key ids cause one fetch in five seconds, no more', async () => {
  await using idp = await setUp();
  idp.served.keys = [(await newKey('a')).jwk];
  const stranger = await newKey('made up');
  for (let n = 0; n < 5; n += 1) await expect(idp.authenticate(await sign(stranger))).rejects.toMatchObject(unknownKey);
  expect(idp.served.requests).toBe(1);
  idp.advance(5);
  for (let n = 0; n < 5; n += 1) await expect(idp.authenticate(await sign(stranger))).rejects.toMatchObject(unknownKey);
  expect(idp.served.requests).toBe(2);
});

it('stops accepting a withdrawn key when the set is ten minutes old', async () => {
  await using idp = await setUp();
  const [old, fresh] = [await newKey('old'), await newKey('fresh')];
  idp.served.keys = [old.jwk];
  await idp.authenticate(await sign(old));
  idp.served.keys = [fresh.jwk];
  idp.advance(599);
  await idp.authenticate(await sign(old));
  idp.advance(1);
  await expect(idp.authenticate(await sign(old))).rejects.toMatchObject(unknownKey);
});

it.each<[string, { status?: number; body?: string }]>([
  ['an error', { status: 500 }],
  ['a redirect', { status: 302 }],
  ['no JSON', { body: '<html>' }],
  ['no key set', { body: '{"keys":"none"}' }],
])('blames no token while the provider answers with %s and no key is known, then recovers', async (_, answer) => {
  await using idp = await setUp();
  const key = await newKey('a');
  idp.served.keys = [key.jwk];
  Object.assign(idp.served, answer);
  await expect(idp.authenticate(await sign(key))).rejects.toMatchObject(unavailable);
  await expect(idp.authenticate(await sign(key))).rejects.toMatchObject(unavailable);
  expect(idp.served.requests).toBe(1);
  expect(idp.warnings).toHaveLength(1);
  Object.assign(idp.served, { status: 200, body: null });
  idp.advance(5);
  await idp.authenticate(await sign(key));
});

it('gives up on a provider that never answers', async () => {
  await using idp = await setUp({ timeoutMs: 50 });
  idp.served.silent = true;
  await expect(idp.authenticate(await sign(await newKey('a')))).rejects.toMatchObject(unavailable);
});

it.each([
  ['answers with', 200],
  ['refuses with', 500],
])('reads no more than a part of an endless body that the provider %s', async (_how, status) => {
  await using idp = await setUp();
  Object.assign(idp.served, { status, endless: true });
  await expect(idp.authenticate(await sign(await newKey('a')))).rejects.toMatchObject(unavailable);
  // The connection is closed, not left to fill.
  await expect.poll(() => idp.served.endedEarly).toBe(1);
  expect(idp.served.bytes).toBeLessThan(16 * 1024 * 1024);
});

it('goes on with known keys through an outage of any length, and blames no token of an unknown key', async () => {
  await using idp = await setUp();
  const [key, fresh] = [await newKey('a'), await newKey('fresh')];
  idp.served.keys = [key.jwk];
  await idp.authenticate(await sign(key));
  idp.served.status = 503;
  for (let hour = 0; hour < 12; hour += 1) {
    idp.advance(3600);
    await idp.authenticate(await sign(key));
    await expect(idp.authenticate(await sign(fresh))).rejects.toMatchObject(unavailable);
  }
  idp.served.status = 200;
  idp.served.keys = [key.jwk, fresh.jwk];
  idp.advance(5);
  await idp.authenticate(await sign(fresh));
  await expect(idp.authenticate(await sign(await newKey('stranger')))).rejects.toMatchObject(unknownKey);
});

it('lets only the first request of an outage wait for the provider', async () => {
  await using idp = await setUp();
  const key = await newKey('a');
  idp.served.keys = [key.jwk];
  await idp.authenticate(await sign(key));
  idp.served.silent = true;
  idp.advance(600);
  const first = idp.authenticate(await sign(key));
  await expect.poll(() => idp.served.held).toHaveLength(1);
  idp.served.held[0]?.writeHead(503).end();
  expect((await first).userId).toBe('alice');
  idp.advance(5);
  // Resolves although the provider has not answered the second attempt.
  expect((await idp.authenticate(await sign(key))).userId).toBe('alice');
  await expect.poll(() => idp.served.held).toHaveLength(2);
  expect(idp.warnings).toHaveLength(1);
});

it('tries every key that fits a token which names none', async () => {
  await using idp = await setUp();
  const [one, two] = [await newKey(), await newKey()];
  idp.served.keys = [one.jwk, two.jwk];
  expect((await idp.authenticate(await sign(two))).userId).toBe('alice');
  await expect(idp.authenticate(await sign(await newKey()))).rejects.toThrow('signature does not match');
});

it('never takes a shared-secret algorithm, nor a secret that stands in the set', async () => {
  await using idp = await setUp();
  const k = Buffer.alloc(32, 1);
  idp.served.keys = [{ kty: 'oct', kid: 'a', k: k.toString('base64url') }];
  const token = await new SignJWT({ sub: 'mallory', exp }).setProtectedHeader({ alg: 'HS256', kid: 'a' }).sign(k);
  await expect(idp.authenticate(token)).rejects.toThrow("the token's algorithm is not accepted");
  expect(idp.served.requests).toBe(0);
});
