import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { cursorOf, emitEvents } from '../support/emit.ts';
import type { RawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { logSize, makeDue } from '../support/tables.ts';
import { nextEvent, subscribe, take } from './subscriber.ts';

const patient = { timeout: 25_000 };

let database: PostgresTestDatabase;
let service: TestService;
beforeEach(async () => {
  database = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: database.url });
});

const untilLogged = (size: number) => vi.waitFor(async () => expect(await logSize(database)).toBe(size), patient);
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
    const socket = await subscribe(service);
    const first = await untilFollowing(socket, 4);
    expect(first).toBeGreaterThan(3);
    await emitEvents(database, [{}, {}], 100);
    expect((await take(socket, 2)).at(-1)).toBe(await logSize(database));
  });

  it('with a cursor replays what was missed, then goes on live, under the same filter', async () => {
    const ofFlags = (keys: string[]) => keys.map((flagKey) => ({ flagKey }));
    await emitEvents(database, ofFlags(['a', 'b', 'a', 'b', 'a']));
    await untilLogged(5);
    const socket = await subscribe(service, { after: cursorOf(1), filter: { flagKey: 'a' } });
    expect(await take(socket, 2)).toEqual([3, 5]);
    await emitEvents(database, ofFlags(['b', 'a', 'b', 'a']), 6);
    const [seventh, ninth] = [await nextEvent(socket), await nextEvent(socket)];
    expect([seventh, ninth]).toMatchObject([
      { position: 7, flagKey: 'a' },
      { position: 9, flagKey: 'a' },
    ]);

    const resumed = await subscribe(service, { after: seventh.cursor, filter: { flagKey: 'a' } });
    expect(await take(resumed, 1)).toEqual([9]);
  });

  it("takes the cursors of auditEvents, and its end is everybody's beginning", async () => {
    await emitEvents(database, [{}, {}]);
    await untilLogged(2);
    const { data } = await service.gql<{ auditEvents: { edges: { cursor: string }[] } }>(
      '{ auditEvents(order: OLDEST_FIRST) { edges { cursor } } }',
    );
    const [first, last] = data?.auditEvents.edges.map(({ cursor }) => cursor) ?? [];
    expect(await take(await subscribe(service, { after: first }), 1)).toEqual([2]);
    const atEnd = await subscribe(service, { after: last });
    await emitEvents(database, [{}], 3);
    expect(await take(atEnd, 1)).toEqual([3]);
  });

  it('refuses a cursor that is none, of another list, or beyond the end of the log', async () => {
    const cursors = {
      'is no cursor': 'x',
      'is empty': '',
      'belongs to another list': Buffer.from('flag:1').toString('base64url'),
      'is no number': Buffer.from('event:one').toString('base64url'),
      'is below zero': cursorOf(-1),
      'lies beyond the end of the log': cursorOf(1),
      'lies beyond any log': cursorOf(2 ** 53),
    };
    for (const [what, after] of Object.entries(cursors)) {
      const { payload } = await (await subscribe(service, { after })).next();
      const [error] = Array.isArray(payload) ? payload : (payload as { errors: object[] }).errors;
      expect(error, what).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
    }
  });

  it('brings what people and the worker did, with who did it', async () => {
    const socket = await subscribe(service, { after: cursorOf(0) });
    await service.gql('mutation { createFlag(input: { key: "live", name: "L" }) { __typename } }');
    const scheduledAt = new Date(Date.now() + 3_600_000).toISOString();
    await service.gql(
      `mutation { createSchedule(input: { flagKey: "live", scheduledAt: "${scheduledAt}", updates: { enabled: true } }) { __typename } }`,
    );
    expect([await nextEvent(socket), await nextEvent(socket)]).toMatchObject([
      { position: 1, eventType: 'flag.created', flagKey: 'live' },
      { position: 2, eventType: 'flag_schedule.created', flagKey: 'live' },
    ]);
    await makeDue(database);
    expect(await nextEvent(socket)).toMatchObject({ position: 3, eventType: 'flag_schedule.applied' });
  });
});
