import { createServer } from 'node:http';
import { type AddressInfo, BlockList } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { atTestEnd } from '../../test/support/at-test-end.ts';
import { aLogEntry } from '../../test/support/log-entries.ts';
import { openRawSocket, type RawSocket } from '../../test/support/raw-socket.ts';
import type { Identity } from '../access/model/actor.ts';
import type { Authenticate } from '../access/model/authenticator.ts';
import type { LogEntry } from '../audit/model/audit-event.ts';
import { makeLoaders, meterReads, schema } from '../compose/schema.ts';
import { makeReadRequestContext } from '../http/request-context.ts';
import { requestScope } from '../http/request-scope.ts';
import { makeUnreadAnswers } from '../http/unread-answers.ts';
import { makeFairQueue, OverShareError } from '../kernel/limits/fair-queue.ts';
import type { GraphQLApp } from './app.ts';
import { makeGraphQLServer } from './server.ts';
import type { SocketLimits } from './socket-places.ts';
import { makeSocketServer } from './websocket.ts';

const auditor: Identity = {
  actor: { type: 'USER', id: 'ada', name: null, email: null },
  userId: 'ada',
  roles: ['AUDITOR'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
};
const notUsed = () => {
  throw new Error('not what this test is about');
};
const aQueue = () =>
  makeFairQueue({ what: 'x', places: 10, share: 10, maxWaiting: 0, maxWaitingPerCaller: 0, onRefused: notUsed });
/** An application of which only following is used; whatever else an operation reached would fail. */
const appWith = (follow: GraphQLApp['follow']): GraphQLApp =>
  new Proxy({ follow } as GraphQLApp, { get: (app, name) => Reflect.get(app, name) ?? notUsed });

/** The entries that a test gives, one by one, and whether their reader has gone. */
const makeEntries = () => {
  const waiting: ((item: IteratorResult<LogEntry, undefined>) => void)[] = [];
  const scopes: unknown[] = [];
  const returned = vi.fn();
  const entries: AsyncIterableIterator<LogEntry, undefined> = {
    [Symbol.asyncIterator]: () => entries,
    next: () =>
      new Promise((resolve) => {
        scopes.push(requestScope.getStore()?.requestId);
        waiting.push(resolve);
      }),
    return: async () => {
      returned();
      for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined });
      return { done: true, value: undefined };
    },
  };
  const give = async (entry: LogEntry) => {
    await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0));
    waiting.shift()?.({ done: false, value: entry });
  };
  return { entries, returned, scopes, give };
};

type Options = {
  follow?: GraphQLApp['follow'];
  authenticate?: Authenticate;
  limits?: Partial<SocketLimits>;
  keepAliveMs?: number;
  proxies?: BlockList;
};
const start = async ({ follow = notUsed, authenticate = async () => auditor, limits = {}, keepAliveMs, proxies }: Options) => {
  const logger = { debug: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const clock = { now: () => new Date() };
  const onRefused = vi.fn();
  const graphql = makeGraphQLServer({
    app: appWith(follow),
    schema,
    meterReads,
    makeLoaders,
    authenticate,
    watchKey: notUsed,
    introspection: true,
    allowedOrigins: [],
    onOperation: () => {},
    mutationRate: { perSecond: 1, burst: 1 },
    queues: { queries: aQueue(), mutations: aQueue() },
    onRefused,
    toUnavailable: () => null,
    clock,
    logger,
    strangers: logger,
  });
  const sockets = makeSocketServer({
    graphql,
    readRequestContext: makeReadRequestContext(proxies ?? null),
    unread: makeUnreadAnswers(),
    authenticate,
    watchKey: notUsed,
    allowedOrigins: [],
    clock,
    logger,
    strangers: logger,
    onRefused,
    farewellMs: 50,
    ...(keepAliveMs !== undefined && { keepAliveMs }),
    limits,
  });
  const server = createServer().on('upgrade', sockets.upgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atTestEnd(async () => {
    await sockets.close().catch(() => {});
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  const subscribe = async (headers: Record<string, string> = {}) => {
    const socket = openRawSocket(url, { headers });
    await socket.init('a-token');
    socket.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { auditEvents { position } }' } });
    return socket;
  };
  return { url, subscribe, sockets, logger, graphql, onRefused };
};

describe('a subscription on a socket', () => {
  it.each([
    ['is unsubscribed', 'complete'],
    ['loses its connection', 'terminate'],
  ])('ends at once when it %s while it waits', async (_what, how) => {
    const { entries, returned, scopes } = makeEntries();
    const { subscribe } = await start({ follow: async () => entries });
    const socket = await subscribe();
    await vi.waitFor(() => expect(scopes).toHaveLength(1));
    expect(returned).not.toHaveBeenCalled();
    if (how === 'complete') socket.send({ id: '1', type: 'complete' });
    else socket.socket.terminate();
    await vi.waitFor(() => expect(returned).toHaveBeenCalled());
  });

  it('that is gone before it has begun is not left behind', async () => {
    const { entries, returned } = makeEntries();
    const begun = Promise.withResolvers<typeof entries>();
    const follow = vi.fn(() => begun.promise);
    const { subscribe } = await start({ follow });
    const socket = await subscribe();
    await vi.waitFor(() => expect(follow).toHaveBeenCalled());
    socket.send({ id: '1', type: 'complete' });
    socket.send({ type: 'ping' });
    expect(await socket.next()).toEqual({ type: 'pong' });
    begun.resolve(entries);
    await vi.waitFor(() => expect(returned).toHaveBeenCalled());
  });

  it('runs under its request id, at its start and at each event', async () => {
    const { entries, scopes, give } = makeEntries();
    const follow = vi.fn(async () => {
      scopes.push(requestScope.getStore()?.requestId);
      return entries;
    });
    const { subscribe } = await start({ follow });
    const socket = await subscribe({ 'x-request-id': 'request-1' });
    await give(aLogEntry(1));
    expect(await socket.next()).toMatchObject({ type: 'next', payload: { data: { auditEvents: { position: 1 } } } });
    await give(aLogEntry(2));
    await socket.next();
    await vi.waitFor(() => expect(scopes).toHaveLength(4));
    expect(new Set(scopes)).toEqual(new Set(['request-1']));
  });

  it('that finds no room at its start closes the socket with a code after which clients subscribe again', async () => {
    const { subscribe } = await start({ follow: () => Promise.reject(new OverShareError('too many reads wait', 1000)) });
    const socket = await subscribe();
    expect(await socket.closed()).toEqual({ code: 1013, reason: 'RATE_LIMITED: try again later' });
  });

  it.each<[string, GraphQLApp['follow']]>([
    ['at its start', () => Promise.reject(new Error('secret of the database'))],
    [
      'in mid-stream',
      async () => {
        const { entries } = makeEntries();
        entries.next = () => Promise.reject(new Error('secret of the database'));
        return entries;
      },
    ],
  ])('that fails %s says nothing of the cause, which is logged once', async (_when, follow) => {
    const { subscribe, logger } = await start({ follow });
    const { payload } = await (await subscribe()).next();
    expect(JSON.stringify(payload)).toContain('INTERNAL_SERVER_ERROR');
    expect(JSON.stringify(payload)).not.toContain('secret');
    expect(logger.error).toHaveBeenCalledTimes(1);
    expect(logger.error.mock.calls[0]?.[0]).toMatchObject({ err: { message: 'secret of the database' } });
  });
});

describe('authentication', () => {
  const broken: Authenticate = () => Promise.reject(new Error('secret of the keys'));

  it('that breaks closes the socket with 1011, says nothing of the cause, and logs it', async () => {
    const { url, logger } = await start({ authenticate: broken });
    const socket = openRawSocket(url);
    await socket.init('a-token').catch(() => {});
    const closed = await socket.closed();
    expect(closed.code).toBe(1011);
    expect(closed.reason).not.toContain('secret');
    expect(logger.error).toHaveBeenCalledTimes(1);
  });

  it('that breaks is a masked 500 over HTTP, and logged', async () => {
    const { graphql, logger } = await start({ authenticate: broken });
    const server = createServer((req, res) => void graphql(req, res, { requestContext: { ...noContext } }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atTestEnd(async () => void server.close());
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, {
      headers: { authorization: 'Bearer x' },
    });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('secret');
    expect(logger.error).toHaveBeenCalledTimes(1);
  });

  it('of a token that is only just accepted, by clock tolerance, closes the socket with 4403', async () => {
    const { url } = await start({ authenticate: async () => ({ ...auditor, expiresAt: new Date(Date.now() - 1000) }) });
    const socket = openRawSocket(url);
    await socket.init('a-token').catch(() => {});
    expect((await socket.closed()).code).toBe(4403);
  });

  it('begins no operation after the expiry, whatever the timers do', async () => {
    const expiring = { ...auditor, expiresAt: new Date(Date.now() + 3_600_000) };
    const follow = vi.fn(async () => makeEntries().entries);
    const { url } = await start({ follow, authenticate: async () => expiring });
    const socket = openRawSocket(url);
    await socket.init('a-token');
    expiring.expiresAt.setTime(Date.now() - 1);
    socket.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { auditEvents { position } }' } });
    expect((await socket.closed()).code).toBe(4403);
    expect(follow).not.toHaveBeenCalled();
  });

  it('lets no event through after the expiry, whatever the timers do', async () => {
    const { entries, give } = makeEntries();
    const expiring = { ...auditor, expiresAt: new Date(Date.now() + 3_600_000) };
    const { subscribe } = await start({ follow: async () => entries, authenticate: async () => expiring });
    const socket = await subscribe();
    await give(aLogEntry(1));
    await socket.next();
    expiring.expiresAt.setTime(Date.now() - 1);
    await give(aLogEntry(2));
    await expect(socket.next()).rejects.toThrow('closed with 4403');
  });
});

describe('a client that does not read', () => {
  const query = 'subscription { auditEvents { position description } }';
  const large = 'x'.repeat(1024 * 1024);
  /** Events of a megabyte, for ever, and how many were taken. */
  const makeFlood = () => {
    const taken = vi.fn();
    const follow = async function* () {
      for (let position = 1; ; position++) {
        taken();
        yield aLogEntry(position, { description: large });
      }
    };
    return { taken, follow: async () => follow() };
  };
  const openDeaf = async (url: string) => {
    const socket = openRawSocket(url);
    await socket.init('a-token');
    socket.socket.pause();
    return socket;
  };

  it('holds its subscription back, keeps its socket, and misses nothing when it reads again', async () => {
    const { follow, taken } = makeFlood();
    const { url, sockets } = await start({ follow });
    const socket = await openDeaf(url);
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    // The network takes some; then the count stands still while other sockets are served.
    let before = -1;
    await vi.waitFor(async () => {
      const [last, now] = [before, taken.mock.calls.length];
      before = now;
      await openRawSocket(url).init('a-token');
      expect(now).toBeGreaterThan(0);
      expect(now).toBe(last);
    });
    expect(sockets.count()).toBeGreaterThan(1);
    socket.socket.resume();
    for (let position = 1; position <= before + 20; position++) {
      expect(await socket.next()).toMatchObject({ payload: { data: { auditEvents: { position } } } });
    }
  });

  it('is cut off when the answers to its many operations pile up', async () => {
    const { follow } = makeFlood();
    const { url, sockets } = await start({ follow });
    const socket = await openDeaf(url);
    for (let id = 1; id <= 50; id++) socket.send({ id: String(id), type: 'subscribe', payload: { query } });
    await vi.waitFor(() => expect(sockets.count()).toBe(0), 5000);
  });
});

describe('sockets', () => {
  it('are refused with 503 when there are as many as the process takes', async () => {
    const { url, sockets } = await start({ limits: { maxSockets: 2 } });
    const open = [openRawSocket(url), openRawSocket(url)];
    for (const socket of open) await socket.init('a-token');
    expect(await openRawSocket(url).refused).toBe(503);
    open[0]?.socket.terminate();
    await vi.waitFor(() => expect(sockets.count()).toBe(1));
    await openRawSocket(url).init('a-token');
  });

  it('that do not authenticate take no place from those that do, and make room for who comes', async () => {
    const { url, sockets, onRefused } = await start({
      limits: { maxSockets: 2, maxWaitingSockets: 5, maxWaitingSocketsPerAddress: 5 },
    });
    const silent = Array.from({ length: 20 }, () => openRawSocket(url));
    await Promise.all(silent.map(({ opened }) => opened()));
    for (let n = 0; n < 2; n++) await openRawSocket(url).init('a-token');
    const { code, reason } = await Promise.race(silent.map(({ closed }) => closed()));
    expect([code, reason]).toEqual([1013, 'RATE_LIMITED: too many sockets are waiting for authentication; try again later']);
    await vi.waitFor(() => expect(sockets.count()).toBeLessThanOrEqual(5 + 2));
    expect(onRefused).toHaveBeenCalledWith('socket_waiting');
    expect(await openRawSocket(url).refused).toBe(503);
  });

  it('that wait from one address turn out none of another', async () => {
    const proxies = new BlockList();
    proxies.addAddress('127.0.0.1');
    const { url } = await start({ proxies, limits: { maxWaitingSocketsPerAddress: 2 } });
    const from = async (address: string) => {
      const socket = openRawSocket(url, { headers: { 'x-forwarded-for': address } });
      await socket.opened();
      return socket;
    };
    const honest = await from('203.0.113.7');
    for (let n = 0; n < 10; n++) await from('203.0.113.66');
    // Of IPv6, whoever has one address has its whole /64.
    const neighbours = [await from('2001:db8::1'), await from('2001:db8::2'), await from('2001:db8::3')];
    expect((await (neighbours[0] as RawSocket).closed()).code).toBe(1013);
    await honest.init('a-token');
  });

  it('of one caller are bounded: one too many is closed with a code after which clients come back', async () => {
    const authenticate: Authenticate = async (name) => ({ ...auditor, userId: name });
    const { url, onRefused } = await start({ authenticate, limits: { maxSocketsPerCaller: 2 } });
    const open = [openRawSocket(url), openRawSocket(url)];
    for (const socket of open) await socket.init('ann');
    const another = openRawSocket(url);
    await another.init('ann').catch(() => {});
    expect(await another.closed()).toEqual({
      code: 1013,
      reason: 'RATE_LIMITED: a caller can have at most 2 sockets; try again later',
    });
    expect(onRefused).toHaveBeenCalledWith('socket_places');
    await openRawSocket(url).init('bob');
    open[0]?.socket.terminate();
    await vi.waitFor(() => openRawSocket(url).init('ann'));
  });

  it('whose other side is dead are found out by a ping without a pong, and cut off; those that answer stay', async () => {
    const { url, sockets } = await start({ keepAliveMs: 50 });
    const alive = openRawSocket(url);
    const dead = openRawSocket(url, { autoPong: false });
    const pings = vi.fn();
    alive.socket.on('ping', pings);
    await Promise.all([alive.init('a-token'), dead.init('a-token')]);
    expect((await dead.closed()).code).toBe(1006);
    await vi.waitFor(() => expect(pings.mock.calls.length).toBeGreaterThan(3));
    expect(sockets.count()).toBe(1);
    expect(alive.socket.readyState).toBe(alive.socket.OPEN);
  });
});

describe('a shutdown', () => {
  it('says farewell with 1001 to those who listen, and does not wait for those who do not', async () => {
    const { url, sockets } = await start({});
    const [listening, deaf] = [openRawSocket(url), openRawSocket(url)];
    await Promise.all([listening.init('a-token'), deaf.init('a-token')]);
    deaf.socket.pause();
    await sockets.close();
    expect((await listening.closed()).code).toBe(1001);
    expect(sockets.count()).toBe(0);
  });
});

const noContext = { ipAddress: null, userAgent: null, requestId: null, sessionId: null, apiKeyId: null };
