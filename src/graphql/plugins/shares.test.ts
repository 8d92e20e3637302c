import { describe, expect, it, vi } from 'vitest';
import { json, request } from '../../../test/http-edge/raw-http.ts';
import { openRawSocket } from '../../../test/http-edge/raw-socket.ts';
import { startGraphQL } from '../../../test/support/graphql-server.ts';

const query = '{ auditEvent(id: "0195f1c0-0000-7000-8000-000000000001") { id } }';
const headers = { authorization: 'Bearer a-token' };
const filler = 'x'.repeat(600_000);
const body = JSON.stringify({ query, variables: { filler } });

/** A service that runs one operation at a time, the first of which goes on until it is let go. */
const start = async () => {
  const first = Promise.withResolvers<null>();
  const find = vi.fn(() => first.promise);
  const oneAtATime = { places: 1, share: 1, maxWaitingBytesPerCaller: 2 ** 20 };
  const { url } = await startGraphQL({ log: { find } }, { queue: oneAtATime });
  const ask = (init: RequestInit) => request(url, { ...init, headers: { ...headers, 'content-type': 'application/json' } });
  const running = ask({ method: 'POST', body: JSON.stringify({ query }) });
  await expect.poll(() => find.mock.calls.length).toBe(1);
  const socket = openRawSocket(url);
  await socket.init('a-token');
  const whole = { data: { auditEvent: null } };
  return { url, ask, running, socket, whole, letGo: () => first.resolve(null) };
};
const refusal = {
  message: 'With this, more than 1 MiB of your operations would wait, which is the most: try again in 1000 ms',
  extensions: { code: 'RATE_LIMITED', retryAfterMs: 1000 },
};

describe('operations that wait for their turn', () => {
  it.each<[string, () => RequestInit]>([
    ['says how long it is', () => ({ method: 'POST', body })],
    ['comes in pieces', () => ({ method: 'POST', body: new Blob([body]).stream(), duplex: 'half' }) as RequestInit],
  ])('hold no more bytes than one caller may have waiting: a request over HTTP that %s', async (_how, init) => {
    const { ask, running, whole, letGo } = await start();
    // One of the two waits, whichever came first, and the other does not.
    const two = [ask(init()), ask(init())];
    const refused = await Promise.race(two);
    expect(refused).toMatchObject({ status: 429, body: { errors: [refusal] } });
    expect(refused.headers.get('retry-after')).toBe('1');
    const small = ask(json({ query }));
    letGo();
    expect([(await running).body, (await small).body]).toEqual([whole, whole]);
    expect((await Promise.all(two)).map(({ status }) => status).toSorted()).toEqual([200, 429]);
    expect((await ask(init())).body).toEqual(whole);
  });

  it.each([
    ['with its operation', { payload: { query, variables: { filler } } }],
    ['beside it', { payload: { query }, filler }],
  ])('hold no more bytes than one caller may have waiting: messages on a socket, what comes %s', async (_where, message) => {
    const { socket, running, whole, letGo } = await start();
    for (const id of ['1', '2']) socket.send({ id, type: 'subscribe', ...message } as Parameters<typeof socket.send>[0]);
    expect(await socket.next()).toEqual({ id: '2', type: 'next', payload: { errors: [refusal] } });
    expect(await socket.next()).toEqual({ id: '2', type: 'complete' });
    letGo();
    expect((await running).body).toEqual(whole);
    expect(await socket.next()).toEqual({ id: '1', type: 'next', payload: whole });
  });
});
