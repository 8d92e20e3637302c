import { describe, expect, it } from 'vitest';
import { atTestEnd } from '../../../test/support/at-test-end.ts';
import { ada, startGraphQL } from '../../../test/support/graphql-server.ts';
import { json, request } from '../../../test/support/raw-http.ts';
import { openRawSocket } from '../../../test/support/raw-socket.ts';

const query = 'subscription { auditEvents { position } }';
const headers = { authorization: 'Bearer a-token', accept: 'text/event-stream' };
const silent = () => ({
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: async () => ({ done: true, value: undefined }) }),
});
const start = async (app: object, { max = 100, maxPerCaller = 100, identity = () => ada } = {}) => {
  const server = await startGraphQL(app, { subscriptions: { max, maxPerCaller }, identity });
  const connect = async () => {
    const socket = openRawSocket(server.url);
    await socket.init('a-token');
    return socket;
  };
  type Socket = Awaited<ReturnType<typeof connect>>;
  const subscribe = (socket: Socket, id = '1') => socket.send({ id, type: 'subscribe', payload: { query } });
  /** Answers come in order: what was refused before has closed the socket by then. */
  const isOpen = async (socket: Socket) => {
    socket.send({ type: 'ping' });
    return expect(await socket.next()).toEqual({ type: 'pong' });
  };
  const overHttp = async () => {
    const leaving = new AbortController();
    const response = await fetch(server.url, { ...json({ query }, headers), signal: leaving.signal });
    // Held until the end: fetch leaves a stream whose response has been collected as garbage.
    atTestEnd(async () => response.body?.cancel().catch(() => {}));
    return { status: response.status, leave: () => leaving.abort() };
  };
  return { ...server, connect, subscribe, isOpen, overHttp };
};
const tryAgain = { code: 1013, reason: 'RATE_LIMITED: try again later' };

describe('live subscriptions', () => {
  it('are as many as one caller may have over sockets and streams together; the next is refused at once, and others stay', async () => {
    let began = 0;
    const follow = async () => {
      began += 1;
      return silent();
    };
    const { url, connect, subscribe, isOpen, overHttp } = await start({ follow }, { maxPerCaller: 3 });
    const [first, second] = [await connect(), await connect()];
    subscribe(first, '1');
    subscribe(first, '2');
    await isOpen(first);
    await expect.poll(() => began).toBe(2);
    const stream = await overHttp();
    expect(stream.status).toBe(200);
    subscribe(second);
    expect(await second.closed()).toEqual(tryAgain);
    const refused = await request(url, json({ query }, headers));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.text).toContain('You have 3 live subscriptions, which is the maximum: complete some and try again');
    expect(began).toBe(3);
    await isOpen(first);
  });

  it.each(['completed', 'its socket is cut', 'its stream is left'])('leave room for another when one ends: %s', async (how) => {
    const { connect, subscribe, overHttp } = await start({ follow: async () => silent() }, { maxPerCaller: 1 });
    if (how === 'its stream is left') (await overHttp()).leave();
    else {
      const socket = await connect();
      subscribe(socket);
      await expect.poll(async () => (await overHttp()).status).toBe(429);
      if (how === 'completed') socket.send({ id: '1', type: 'complete' });
      else socket.socket.terminate();
    }
    await expect.poll(async () => (await overHttp()).status).toBe(200);
    expect((await overHttp()).status).toBe(429);
  });

  it('that do not begin, come to their end, or break leave no place taken', async () => {
    const broken = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('lost')) }) };
    const ended = (async function* () {})();
    const follows = [() => Promise.reject(new Error('lost')), async () => broken, async () => ended, async () => silent()];
    const { url, overHttp } = await start({ follow: () => follows.shift()?.() }, { maxPerCaller: 1 });
    for (let n = 0; n < 3; n++) expect((await request(url, json({ query }, headers))).text).not.toContain('RATE_LIMITED');
    expect((await overHttp()).status).toBe(200);
    expect((await overHttp()).status).toBe(429);
  });

  it('of all callers are as many as a process may have, and one caller leaves room for others', async () => {
    let userId = 'ada';
    const { url, overHttp } = await start(
      { follow: async () => silent() },
      { max: 2, maxPerCaller: 1, identity: () => ({ ...ada, userId }) },
    );
    expect((await overHttp()).status).toBe(200);
    expect((await overHttp()).status).toBe(429);
    userId = 'bob';
    expect((await overHttp()).status).toBe(200);
    userId = 'eve';
    expect((await request(url, json({ query }, headers))).text).toContain(
      'This process has 2 live subscriptions, which is the maximum',
    );
  });

  it('hold no more bytes of requests than one caller may have, whatever of them is the operation', async () => {
    const bytes = { max: 2 ** 30, maxPerCaller: 2 ** 20 };
    const { url } = await startGraphQL({ follow: async () => silent() }, { subscriptions: { bytes } });
    const filler = 'x'.repeat(600_000);
    const socket = openRawSocket(url);
    await socket.init('a-token');
    const payload = { query, extensions: { filler } };
    socket.send({ id: '1', type: 'subscribe', payload });
    await expect.poll(async () => (await request(url, json(payload, headers))).status).toBe(429);
    expect((await request(url, json(payload, headers))).text).toContain(
      'With this, your live subscriptions would hold more than 1 MiB of requests, which is the maximum: complete some, or send less',
    );
    socket.send({ id: '2', type: 'subscribe', payload: { query }, filler } as Parameters<typeof socket.send>[0]);
    expect(await socket.closed()).toEqual(tryAgain);
    await expect.poll(async () => (await fetch(url, json(payload, headers))).status).toBe(200);
  });
});
