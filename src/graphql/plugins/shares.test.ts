import { describe, expect, it, vi } from 'vitest';
import { startGraphQL } from '../../../test/support/graphql-server.ts';
import { json, request } from '../../../test/support/raw-http.ts';
import { openRawSocket } from '../../../test/support/raw-socket.ts';
import { newFlag } from '../../flags/model/flag.ts';
import { OverShareError } from '../../kernel/limits/fair-queue.ts';

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
  message: 'With this, more than 1 MiB of your operations would wait, which is the maximum: try again in 1000 ms',
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

describe('a mutation that is over a share', () => {
  const over = () => Promise.reject(new OverShareError('You have 3 reads waiting: try again in 1000 ms', 1000));
  const flag = newFlag({ key: 'f', name: 'F' }, { id: '0195f1c0-0000-7000-8000-000000000001', now: new Date() });
  const create = 'createFlag(input: { key: "f", name: "F" })';
  const tryAgain = 'You have 3 reads waiting: try again in 1000 ms';
  const look = `${tryAgain}. The mutation may have made its changes: check that before you send it again`;
  const extensions = { code: 'RATE_LIMITED', retryAfterMs: 1000 };

  it('when its answer is read says that it may have made its changes; a query does not', async () => {
    const { ask } = await startGraphQL({
      createFlag: async () => flag,
      flags: { statesOf: over, find: async () => flag },
      recordFlagViewed: () => {},
    });
    const changed = await ask(`mutation { ${create} { ... on Flag { states { enabled } } } }`);
    expect(changed).toMatchObject({
      status: 429,
      body: { errors: [{ message: look, path: ['createFlag', 'states'], extensions }] },
    });
    expect(changed.headers.get('retry-after')).toBe('1');
    const read = await ask('{ flag(key: "f") { states { enabled } } }');
    expect(read.body.errors).toEqual([expect.objectContaining({ message: tryAgain, extensions })]);
  });

  it('as a whole only says when to try again, and beside another one that its changes may have been made', async () => {
    const createFlag = vi.fn(over);
    const { ask } = await startGraphQL({ createFlag });
    const alone = await ask(`mutation { ${create} { __typename } }`);
    expect(alone.body.errors).toEqual([expect.objectContaining({ message: tryAgain, path: ['createFlag'], extensions })]);
    createFlag.mockResolvedValueOnce(flag as never);
    const second = await ask(`mutation { first: ${create} { __typename } second: ${create} { __typename } }`);
    expect(second.body.errors).toEqual([expect.objectContaining({ message: look, path: ['second'], extensions })]);
  });
});
