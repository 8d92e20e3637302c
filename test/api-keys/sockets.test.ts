import { beforeAll, describe, expect, it, vi } from 'vitest';
import { eventsOf, operationsOf } from '../support/api-key-operations.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let service: TestService;
let keys: ReturnType<typeof operationsOf>;
let endpoint: string;
/** The service's time, where it does not go on by itself. */
let stoppedAt: Date | null = null;
beforeAll(async () => {
  service = await startTestService({ clock: { now: () => stoppedAt ?? new Date() } });
  keys = operationsOf(service);
  endpoint = `${service.url}/graphql`;
});

/** A socket whose connection parameters the test chooses; resolves when the server has accepted them, or closed. */
const open = async (payload: object, headers: Record<string, string> = {}) => {
  const socket = openRawSocket(endpoint, { headers });
  await socket.opened();
  socket.send({ type: 'connection_init', payload });
  return socket;
};
const openWith = async (secret: string, params: object = {}, headers: Record<string, string> = {}) => {
  const socket = await open({ authorization: `Bearer ${secret}`, ...params }, headers);
  expect(await socket.next()).toMatchObject({ type: 'connection_ack' });
  return socket;
};
const createFlag = (key: string) => `mutation { createFlag(input: { key: "${key}", name: "x" }) { __typename } }`;
const watch = { id: 'live', type: 'subscribe', payload: { query: 'subscription { auditEvents { id } }' } };

describe('a socket with an API key', () => {
  it('is the key in what it does', async () => {
    const { apiKey, secret } = await keys.newKey({ roles: ['ADMIN'] });
    const socket = await openWith(secret);
    await socket.run(createFlag('by-socket'));
    const [event] = await eventsOf(service, { flagKey: 'by-socket' });
    expect(event).toMatchObject({ actor: { type: 'API', id: apiKey.id }, requestContext: { apiKeyId: apiKey.id } });
    await socket.run('{ viewer { roles } }');
    await vi.waitFor(async () => expect((await keys.list()).keys.find(({ id }) => id === apiKey.id)?.lastUsedAt).not.toBeNull(), {
      timeout: 20_000,
    });
  });

  it('speaks for a person whom its connection parameters name, or else the header of its upgrade', async () => {
    const { apiKey, secret } = await keys.newKey({ roles: ['ADMIN'] });
    const named = await openWith(secret, { onBehalfOf: 'grace' }, { 'x-on-behalf-of': 'ada' });
    await named.run(createFlag('for-grace'));
    const [event] = await eventsOf(service, { flagKey: 'for-grace' });
    expect(event).toMatchObject({
      actor: { type: 'USER', id: 'grace' },
      metadata: { adminUserId: 'grace' },
      requestContext: { apiKeyId: apiKey.id },
    });
    const byHeader = await openWith(secret, {}, { 'x-on-behalf-of': 'ada' });
    expect(await byHeader.run('{ viewer { actor { type id } } }')).toMatchObject({
      payload: { data: { viewer: { actor: { type: 'USER', id: 'ada' } } } },
    });
  });

  it('keeps the attribution in access.denied', async () => {
    const { apiKey, secret } = await keys.newKey();
    const socket = await openWith(secret, { onBehalfOf: 'mallory' });
    expect(await socket.run(createFlag('never'))).toMatchObject({ payload: { errors: [{ extensions: { code: 'FORBIDDEN' } }] } });
    const [event] = await eventsOf(service, { actorId: 'mallory' });
    expect(event).toMatchObject({ eventType: 'access.denied', requestContext: { apiKeyId: apiKey.id } });
  });

  it('is closed with 4400 where it is not clear for whom it speaks, also with a JWT', async () => {
    const { secret } = await keys.newKey();
    for (const [bearer, onBehalfOf] of [
      [secret, ''],
      [secret, ['grace']],
      [secret, 'x'.repeat(256)],
      [await token(), 'grace'],
    ]) {
      const socket = await open({ authorization: `Bearer ${bearer}`, onBehalfOf });
      expect((await socket.closed()).code).toBe(4400);
    }
    const socket = await open({ authorization: `Bearer ${await token()}` }, { 'x-on-behalf-of': 'grace' });
    expect(await socket.closed()).toEqual({ code: 4400, reason: expect.stringContaining('only an API key') });
  });

  it('is refused with 4401 for a key that is revoked or that nobody has', async () => {
    const { apiKey, secret } = await keys.newKey();
    await keys.revoke(apiKey.id);
    const revoked = await open({ authorization: `Bearer ${secret}` });
    expect(await revoked.closed()).toEqual({ code: 4401, reason: 'the API key was revoked' });
    const unknown = await open({ authorization: `Bearer ftk_AAAAAAAA_${'A'.repeat(43)}` });
    expect(await unknown.closed()).toEqual({ code: 4401, reason: 'the API key is unknown' });
  });
});

describe('when a key is revoked', () => {
  it('its sockets are closed with 4401 with what runs on them, the others stay, and so do those of other keys and tokens', async () => {
    const doomed = await keys.newKey({ roles: ['AUDITOR'] });
    const other = await keys.newKey({ roles: ['AUDITOR'] });
    const [first, second, spared, ofToken] = await Promise.all([
      openWith(doomed.secret),
      openWith(doomed.secret, { onBehalfOf: 'grace' }),
      openWith(other.secret),
      openWith(await token()),
    ]);
    first.send(watch);
    await keys.revoke(doomed.apiKey.id);
    expect(await first.closed()).toEqual({ code: 4401, reason: 'API key revoked' });
    expect((await second.closed()).code).toBe(4401);
    for (const socket of [spared, ofToken]) expect(await socket.run('{ viewer { roles } }')).toMatchObject({ type: 'next' });
  });

  it('its streams over HTTP end, and say why', async () => {
    const { apiKey, secret } = await keys.newKey({ roles: ['AUDITOR'] });
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${secret}` },
      body: JSON.stringify({ query: 'subscription { auditEvents(filter: { flagKey: "none" }) { id } }' }),
    });
    expect(response.status).toBe(200);
    await keys.revoke(apiKey.id);
    const text = await response.text();
    const last = 'data: {"errors":[{"message":"the API key was revoked","extensions":{"code":"UNAUTHENTICATED"}}]}';
    expect(text).toContain(`${last}\n\nevent: complete`);
  });
});

it('a socket is closed with 4403 when its key expires', async () => {
  stoppedAt = new Date();
  const { secret } = await keys.newKey({ expiresAt: new Date(stoppedAt.getTime() + 100) });
  const socket = await openWith(secret);
  stoppedAt = null;
  expect(await socket.closed()).toEqual({ code: 4403, reason: 'Token expired' });
  const again = await open({ authorization: `Bearer ${secret}` });
  expect(await again.closed()).toEqual({ code: 4403, reason: 'the API key has expired' });
});
