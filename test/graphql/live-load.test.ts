import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setImmediate as breathe } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { cursorOf, emitEvents, range } from '../support/emit.ts';
import type { RawSocket } from '../support/raw-socket.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { logSize } from '../support/tables.ts';
import { nextEvent, subscribe, take } from './subscriber.ts';

let database: PostgresTestDatabase;
let service: TestService;
beforeEach(async () => {
  database = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: database.url });
});

describe('the auditEvents subscription under load', () => {
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
    // While somebody stays, recent events come from memory; when nobody does, every resume reads the database first.
    const companion = await subscribe(service, { after: cursor });
    for (let drop = 0; drop < 100; drop++) {
      if (drop === 60) companion.socket.terminate();
      const socket = await subscribe(service, { after: cursor });
      await readSome(socket, 1 + (drop % 11));
      // No farewell: the connection is just gone.
      socket.socket.terminate();
    }
    resuming = false;
    await writer;
    await readSome(await subscribe(service, { after: cursor }), written - seen.length);
    expect(seen).toEqual(range(1, written));
    expect(await logSize(database)).toBe(written);
  });

  it('a burst of 5,000 events in one transaction arrives whole', async () => {
    const socket = await subscribe(service, { after: cursorOf(0) });
    await emitEvents(
      database,
      Array.from({ length: 5000 }, () => ({})),
    );
    expect(await take(socket, 5000)).toEqual(range(1, 5000));
  });

  it('200 subscribers at once get every event', async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => subscribe(service, { after: cursorOf(0) })));
    for (let batch = 0; batch < 5; batch++) await emitEvents(database, [{}, {}, {}, {}], 1 + batch * 4);
    const received = await Promise.all(sockets.map((socket) => take(socket, 20)));
    for (const positions of received) expect(positions).toEqual(range(1, 20));
  });

  it('a reader that stops reading holds one message back and nobody up, and misses nothing when it goes on', async () => {
    const accepted: Socket[] = [];
    const onSocket = (message: unknown) => void accepted.push((message as { socket: Socket }).socket);
    channel('net.server.socket').subscribe(onSocket);
    atTestEnd(async () => void channel('net.server.socket').unsubscribe(onSocket));

    const slow = await subscribe(service, { after: cursorOf(0) });
    const { _socket: clientSide } = slow.socket as unknown as { _socket: Socket };
    const serverSide = accepted.find(({ remotePort }) => remotePort === clientSide.localPort);
    if (!serverSide) throw new Error('the socket has no other side');
    await emitEvents(database, [{}]);
    expect(await take(slow, 1)).toEqual([1]);
    slow.socket.pause();

    // 20 MB: more than the kernel keeps for a connection, and more than the tail does.
    const [count, description] = [1000, 'x'.repeat(20_000)];
    const quick = await subscribe(service, { after: cursorOf(1) });
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
