import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';
import { emitEvents } from '../support/emit.ts';
import { json, request } from '../support/raw-http.ts';
import { startTestService, type TestService, token } from '../support/service.ts';

let database: PostgresTestDatabase;
let service: TestService;
beforeAll(async () => {
  database = await createPostgresDatabase();
  service = await startTestService({ databaseUrl: database.url });
});

/** Sends a request, and reads nothing of its answer. */
const askAndNotRead = async (query: string, { as, accept = 'application/json' }: { as: string; accept?: string }) => {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname).pause();
  socket.on('error', () => {});
  atTestEnd(async () => void socket.destroy());
  await once(socket, 'connect');
  const body = JSON.stringify({ query });
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${as}\r\nAccept: ${accept}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return socket;
};
const unreadBytes = async () =>
  Number(/^flagtrail_unread_answer_bytes (\d+)/m.exec(await (await fetch(`${service.url}/metrics`)).text())?.[1]);

describe('answers that nobody reads', () => {
  const page = '{ flags(first: 200) { edges { node { variants { value } } } } }';
  beforeAll(async () => {
    const variants = [{ key: 'a', value: { text: 'x'.repeat(60_000) } }];
    for (let n = 0; n < 200; n++) {
      await service.gql('mutation ($input: CreateFlagInput!) { createFlag(input: $input) { __typename } }', {
        input: { key: `large-${n}`, name: 'Large', type: 'OBJECT', variants },
      });
    }
  }, 60_000);

  it('may hold 64 MiB of one caller: then it is refused with 429, until they are read or gone; others are served', async () => {
    const [ada, bob] = [await token({ sub: 'ada' }), await token({ sub: 'bob' })];
    const ask = (as: string) =>
      request(`${service.url}/graphql`, json({ query: '{ viewer { roles } }' }, { authorization: `Bearer ${as}` }));
    const sockets = [];
    for (let n = 1; n <= 5; n++) {
      sockets.push(await askAndNotRead(page, { as: ada }));
      await expect.poll(unreadBytes, { timeout: 20_000 }).toBeGreaterThan(n * 12_000_000);
    }
    // One more would be too much: it is made, and not kept.
    const refused = request(`${service.url}/graphql`, json({ query: page }, { authorization: `Bearer ${ada}` }));
    expect(await refused).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect((await refused).headers.get('retry-after')).toBe('1');
    expect((await refused).body.errors[0].message).toMatch(/You have [\d,]+ bytes .* at most 67,108,864/);
    expect(await ask(bob)).toMatchObject({ status: 200 });
    for (const socket of sockets) socket.destroy();
    await expect.poll(unreadBytes).toBeLessThan(1_000_000);
    expect(await ask(ada)).toMatchObject({ status: 200 });
  }, 60_000);
});

describe('a stream of events that nobody reads', () => {
  const fields = Array.from({ length: 25 }, (_, i) => `m${i}: metadata`).join(' ');
  const count = 20;
  let filler: string;
  beforeEach(() => {
    filler = 'x'.repeat(60_000);
  });

  it('holds one event, and goes on without a gap when it is read', async () => {
    const socket = await askAndNotRead(`subscription { auditEvents(filter: { actorId: "streamer" }) { position ${fields} } }`, {
      as: await token({ sub: 'streaming' }),
      accept: 'text/event-stream',
    });
    let read = '';
    const events = () => read.match(/\{"position":\d+/g) ?? [];
    // The stream stands when its first byte is there.
    socket.resume();
    socket.on('data', (data) => {
      read += data;
    });
    await expect.poll(() => read).toContain(':\n\n');
    socket.pause();
    const actor = { type: 'USER' as const, id: 'streamer', name: null, email: null };
    await emitEvents(
      database,
      Array.from({ length: count }, (_, n) => ({ actor, metadata: { n, filler } as never })),
    );
    // 1.5 MB each: what the network has taken is not here any more.
    await expect.poll(unreadBytes, { timeout: 20_000 }).toBeGreaterThan(1_000_000);
    expect(await unreadBytes()).toBeLessThan(5_000_000);
    socket.resume();
    await expect.poll(events, { timeout: 20_000 }).toHaveLength(count);
    const positions = events().map((found) => Number(/\d+/.exec(found)?.[0]));
    expect(positions).toEqual(positions.map((_, n) => (positions[0] ?? 0) + n));
    await expect.poll(unreadBytes).toBe(0);
  }, 60_000);
});
