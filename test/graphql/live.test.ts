import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setImmediate as breathe } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openRawSocket, type RawSocket } from '../http-edge/raw-socket.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { startTestService, type TestService, token } from '../support/service.ts';
import { cursorOf, emitEvents, range } from './emit.ts';

const patient = { timeout: 25_000 };

let database: PostgresTestDatabase;
let service: TestService;
beforeEach(async () => {
  database = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: database.url });
});

type Variables = { after?: string; filter?: object };
const query = `subscription ($filter: AuditEventFilter, $after: String) {
  auditEvents(filter: $filter, after: $after) { position cursor eventType flagKey description } }`;
type Live = { position: number; cursor: string; eventType: string; flagKey: string | null };

/** Subscribes on a socket of its own; resolves when the socket is there, before anything of the subscription is known. */
const subscribe = async (variables: Variables = {}, { url } = service): Promise<RawSocket> => {
  const socket = openRawSocket(`${url}/graphql`);
  await socket.init(await token({ groups: ['auditor'] }));
  socket.send({ id: '1', type: 'subscribe', payload: { query, variables } });
  return socket;
};
const nextEvent = async (socket: RawSocket): Promise<Live> => {
  const message = await socket.next();
  const { data } = (message.payload ?? {}) as { data?: { auditEvents: Live } };
  if (!data) throw new Error(`no event but ${JSON.stringify(message)}`);
  return data.auditEvents;
};
const take = async (socket: RawSocket, count: number): Promise<number[]> => {
  const positions: number[] = [];
  while (positions.length < count) positions.push((await nextEvent(socket)).position);
  return positions;
};
const logSize = async () => Number((await database.sql<{ size: number }>('SELECT size FROM audit_head'))[0]?.size);
const untilLogged = (size: number) => vi.waitFor(async () => expect(await logSize()).toBe(size), patient);
/** Emits until one event has come: from then on the subscription is known to stand. Returns the position that came. */
const untilFollowing = async (socket: RawSocket, firstId: number): Promise<number> => {
  const first = nextEvent(socket);
  let arrived: number | null = null;
  first.then(({ position }) => (arrived = position)).catch(() => {});
  for (let id = firstId; arrived === null; id++) {
    await emitEvents(database, [{}], id);
    await untilLogged(id);
    await vi.waitFor(() => expect(arrived).not.toBe(null), { timeout: 300 }).catch(() => {});
  }
  return (await first).position;
};

describe('the auditEvents subscription', () => {
  it('without a cursor begins now', async () => {
    await emitEvents(database, [{}, {}, {}]);
    await untilLogged(3);
    const socket = await subscribe();
    const first = await untilFollowing(socket, 4);
    expect(first).toBeGreaterThan(3);
    await emitEvents(database, [{}, {}], 100);
    expect((await take(socket, 2)).at(-1)).toBe(await logSize());
  });

  it('with a cursor replays what was missed, then goes on live, under the same filter', async () => {
    const ofFlags = (keys: string[]) => keys.map((flagKey) => ({ flagKey }));
    await emitEvents(database, ofFlags(['a', 'b', 'a', 'b', 'a']));
    await untilLogged(5);
    const socket = await subscribe({ after: cursorOf(1), filter: { flagKey: 'a' } });
    expect(await take(socket, 2)).toEqual([3, 5]);
    await emitEvents(database, ofFlags(['b', 'a', 'b', 'a']), 6);
    const [seventh, ninth] = [await nextEvent(socket), await nextEvent(socket)];
    expect([seventh, ninth]).toMatchObject([
      { position: 7, flagKey: 'a' },
      { position: 9, flagKey: 'a' },
    ]);

    const resumed = await subscribe({ after: seventh.cursor, filter: { flagKey: 'a' } });
    expect(await take(resumed, 1)).toEqual([9]);
  });

  it("takes the cursors of auditEvents, and its end is everybody's beginning", async () => {
    await emitEvents(database, [{}, {}]);
    await untilLogged(2);
    const { data } = await service.gql<{ auditEvents: { edges: { cursor: string }[] } }>(
      '{ auditEvents(order: OLDEST_FIRST) { edges { cursor } } }',
    );
    const [first, last] = data?.auditEvents.edges.map(({ cursor }) => cursor) ?? [];
    expect(await take(await subscribe({ after: first }), 1)).toEqual([2]);
    const atEnd = await subscribe({ after: last });
    await emitEvents(database, [{}], 3);
    expect(await take(atEnd, 1)).toEqual([3]);
  });

  it.each([
    ['is no cursor', 'x'],
    ['is empty', ''],
    ['belongs to another list', Buffer.from('flag:1').toString('base64url')],
    ['is no number', Buffer.from('event:one').toString('base64url')],
    ['is below zero', cursorOf(-1)],
    ['lies beyond the end of the log', cursorOf(1)],
    ['lies beyond any log', cursorOf(2 ** 53)],
  ])('refuses a cursor that %s', async (_what, after) => {
    const { payload } = await (await subscribe({ after })).next();
    const [error] = Array.isArray(payload) ? payload : (payload as { errors: object[] }).errors;
    expect(error).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });

  it('brings what people and the worker did, with who did it', async () => {
    const socket = await subscribe({ after: cursorOf(0) });
    await service.gql('mutation { createFlag(input: { key: "live", name: "L" }) { __typename } }');
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
    await service.gql(
      `mutation { createSchedule(input: { flagKey: "live", scheduledAt: "${scheduledAt}", updates: { enabled: true } }) { __typename } }`,
    );
    expect([await nextEvent(socket), await nextEvent(socket)]).toMatchObject([
      { position: 1, eventType: 'flag.created', flagKey: 'live' },
      { position: 2, eventType: 'flag_schedule.created', flagKey: 'live' },
    ]);
    await database.sql("UPDATE feature_flag_schedules SET scheduled_at = now() - interval '1 second'");
    expect(await nextEvent(socket)).toMatchObject({ position: 3, eventType: 'flag_schedule.applied' });
  });

  it('a subscriber that drops a hundred times and resumes misses nothing and gets nothing twice, while events flow', async () => {
    const seen: number[] = [];
    let written = 0;
    let resuming = true;
    const writer = (async () => {
      while (resuming) {
        // As far ahead as makes some resumes replay and others wait.
        if (written - seen.length > 40) await breathe();
        else {
          await emitEvents(
            database,
            Array.from({ length: 7 }, () => ({})),
            written + 1,
          );
          written += 7;
        }
      }
    })();
    let cursor = cursorOf(0);
    const readSome = async (socket: RawSocket, count: number) => {
      for (let i = 0; i < count; i++) {
        const event = await nextEvent(socket);
        seen.push(event.position);
        cursor = event.cursor;
      }
    };
    for (let drop = 0; drop < 100; drop++) {
      const socket = await subscribe({ after: cursor });
      await readSome(socket, 1 + (drop % 11));
      // No farewell: the connection is just gone.
      socket.socket.terminate();
    }
    resuming = false;
    await writer;
    await readSome(await subscribe({ after: cursor }), written - seen.length);
    expect(seen).toEqual(range(1, written));
    expect(await logSize()).toBe(written);
  });

  it('a burst of 5,000 events in one transaction arrives whole', async () => {
    const socket = await subscribe({ after: cursorOf(0) });
    await emitEvents(
      database,
      Array.from({ length: 5000 }, () => ({})),
    );
    expect(await take(socket, 5000)).toEqual(range(1, 5000));
  });

  it('200 subscribers at once get every event', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => subscribe({ after: cursorOf(0) })));
    for (let batch = 0; batch < 5; batch++) await emitEvents(database, [{}, {}, {}, {}], 1 + batch * 4);
    const received = await Promise.all(sockets.map((socket) => take(socket, 20)));
    for (const positions of received) expect(positions).toEqual(range(1, 20));
  });

  it('a reader that stops reading holds one message back and nobody up, and misses nothing when it goes on', async () => {
    const accepted: Socket[] = [];
    const onSocket = (message: unknown) => void accepted.push((message as { socket: Socket }).socket);
    channel('net.server.socket').subscribe(onSocket);
    atTestEnd(async () => void channel('net.server.socket').unsubscribe(onSocket));

    const slow = await subscribe({ after: cursorOf(0) });
    const { _socket: clientSide } = slow.socket as unknown as { _socket: Socket };
    const serverSide = accepted.find(({ remotePort }) => remotePort === clientSide.localPort);
    if (!serverSide) throw new Error('the socket has no other side');
    await emitEvents(database, [{}]);
    expect(await take(slow, 1)).toEqual([1]);
    slow.socket.pause();

    // 20 MB: more than the kernel keeps for a connection, and more than the tail does.
    const [count, description] = [1000, 'x'.repeat(20_000)];
    const quick = await subscribe({ after: cursorOf(1) });
    let largest = 0;
    for (let first = 2; first <= count; first += 250) {
      const batch = Math.min(250, count - first + 1);
      await emitEvents(
        database,
        Array.from({ length: batch }, () => ({ description })),
        first,
      );
      await take(quick, batch);
      largest = Math.max(largest, serverSide.writableLength);
    }
    // It is blocked, with what one message is, and not with what it missed.
    expect(serverSide.writableLength).toBeGreaterThan(0);
    expect(largest).toBeLessThan(64 * 1024);

    slow.socket.resume();
    expect(await take(slow, count - 1)).toEqual(range(2, count));
  });
});

describe('two processes on one database', () => {
  const startTwo = async () => {
    const shared = await createPostgresDatabase();
    const api = await startTestService({ databaseUrl: shared.url, env: { ROLES: 'api' } });
    await startTestService({ databaseUrl: shared.url, env: { ROLES: 'worker,audit' } });
    const listeners = () =>
      shared.sql<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'flagtrail notifications'",
      );
    return { shared, api, listeners };
  };

  it("the one's events reach the other's subscribers: the worker's, and what its sequencer logged", async () => {
    const { shared, api } = await startTwo();
    const socket = await subscribe({ after: cursorOf(0) }, api);
    await api.gql('mutation { createFlag(input: { key: "two", name: "T" }) { __typename } }');
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
    await api.gql(
      `mutation { createSchedule(input: { flagKey: "two", scheduledAt: "${scheduledAt}", updates: { enabled: true } }) { __typename } }`,
    );
    await shared.sql("UPDATE feature_flag_schedules SET scheduled_at = now() - interval '1 second'");
    const types = [await nextEvent(socket), await nextEvent(socket), await nextEvent(socket)].map(({ eventType }) => eventType);
    expect(types).toEqual(['flag.created', 'flag_schedule.created', 'flag_schedule.applied']);
  });

  it('at once, by notifications: by polling alone, this many round trips would take minutes', async () => {
    const { shared, api, listeners } = await startTwo();
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(2), patient);
    const socket = await subscribe({ after: cursorOf(0) }, api);
    for (let id = 1; id <= 80; id++) {
      await emitEvents(shared, [{}], id);
      expect(await take(socket, 1)).toEqual([id]);
    }
  });

  it('they do so also while the connection that carries the wake-ups is down, which then comes back', async () => {
    const { shared, api, listeners } = await startTwo();
    const socket = await subscribe({ after: cursorOf(0) }, api);
    await emitEvents(shared, [{}]);
    expect(await take(socket, 1)).toEqual([1]);

    const before = await vi.waitFor(async () => {
      const found = await listeners();
      expect(found).toHaveLength(2);
      return found.map(({ pid }) => pid);
    }, patient);
    await shared.sql('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [before]);
    await emitEvents(shared, [{}, {}], 2);
    expect(await take(socket, 2)).toEqual([2, 3]);

    await vi.waitFor(async () => {
      const after = (await listeners()).map(({ pid }) => pid).filter((pid) => !before.includes(pid));
      expect(after).toHaveLength(2);
    }, patient);
    await emitEvents(shared, [{}], 4);
    expect(await take(socket, 1)).toEqual([4]);
  });
});
