import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresDatabase } from '../support/databases.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestService, token } from '../support/service.ts';

let endpoint: string;
beforeAll(async () => {
  const service = await startTestService({ databaseUrl: (await createPostgresDatabase()).url });
  endpoint = `${service.url}/graphql`;
});

const filler = (bytes: number) => 'x'.repeat(bytes);
const opened = async () => {
  const socket = openRawSocket(endpoint);
  await socket.opened();
  return socket;
};

describe('a socket that is not authenticated', () => {
  it.each<[string, object | string]>([
    ['a ping', { type: 'ping' }],
    ['a ping that carries a megabyte', { type: 'ping', payload: { filler: filler(1_000_000) } }],
    ['a pong', { type: 'pong' }],
    ['a complete', { type: 'complete', id: '1' }],
    ['what only servers say', { type: 'connection_ack' }],
    ['no JSON', '{'],
    ['a connection_init over 20 KB', { type: 'connection_init', payload: { filler: filler(20 * 1024) } }],
  ])('is closed with 4400 by %s, and gets nothing back', async (_what, message) => {
    const socket = await opened();
    socket.send(message);
    expect((await socket.closed()).code).toBe(4400);
    await expect(socket.next()).rejects.toThrow('before a message');
  });

  it('may send a token that is long', async () => {
    const socket = await opened();
    const authorization = `Bearer ${await token()}`;
    socket.send({ type: 'connection_init', payload: { authorization, filler: filler(19 * 1024) } });
    expect(await socket.next()).toEqual({ type: 'connection_ack' });
    // The limit was that of a stranger.
    socket.send({ type: 'ping', payload: { filler: filler(100_000) } });
    expect(await socket.next()).toEqual({ type: 'pong' });
  });
});

describe('a socket that is authenticated', () => {
  it('gets pongs that carry nothing', async () => {
    const socket = await opened();
    await socket.init(await token());
    socket.send({ type: 'ping', payload: { a: 1 } });
    expect(await socket.next()).toEqual({ type: 'pong' });
  });

  it.each([
    ['what only servers say', { type: 'next', id: '1', payload: {} }],
    ['an id of 256 characters', { type: 'subscribe', id: filler(256), payload: { query: '{ viewer { roles } }' } }],
  ])('is closed with 4400 by %s', async (_what, message) => {
    const socket = await opened();
    await socket.init(await token());
    socket.send(message);
    expect((await socket.closed()).code).toBe(4400);
  });

  it('is closed by an id that is in use, however long, without a word on the console', async () => {
    const console = vi.spyOn(globalThis.console, 'error');
    const socket = await opened();
    await socket.init(await token());
    const operation = { type: 'subscribe', id: filler(255), payload: { query: 'subscription { auditEvents { id } }' } };
    socket.send(operation);
    socket.send(operation);
    expect((await socket.closed()).code).toBe(4409);
    expect(console).not.toHaveBeenCalled();
    console.mockRestore();
  });
});
