import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { atTestEnd } from './at-test-end.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/** A server that repeats what it hears, a proxy before it, and what arrives where. */
const setUp = async () => {
  const atServer: Socket[] = [];
  const server = createServer((socket) => {
    atServer.push(socket);
    socket.on('error', () => {}).on('data', (chunk) => socket.write(chunk));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } });
  atTestEnd(async () => {
    await proxy.close();
    server.close();
  });
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    const client = { socket, heard: '', error: null as NodeJS.ErrnoException | null };
    socket.on('data', (chunk) => {
      client.heard += chunk;
    });
    socket.on('error', (error) => {
      client.error = error;
    });
    await once(socket, 'connect');
    return client;
  };
  /** A connection that works. */
  const openAndTalk = async () => {
    const client = await open();
    client.socket.write('a');
    await expect.poll(() => client.heard).toBe('a');
    return client;
  };
  return { proxy, atServer, open, openAndTalk };
};

it('keeps the order of what is delayed, also when the delay ends', async () => {
  const { proxy, openAndTalk } = await setUp();
  const client = await openAndTalk();
  proxy.breakDown({ kind: 'delay', ms: 30 });
  client.socket.write('b');
  await expect.poll(() => client.heard).toBe('ab');
  client.socket.write('c');
  await new Promise((resolve) => setImmediate(resolve));
  proxy.heal();
  client.socket.write('d');
  await expect.poll(() => client.heard).toBe('abcd');
});

it('a black hole swallows what is there for good, without a word, and holds newcomers until it heals', async () => {
  const { proxy, atServer, open, openAndTalk } = await setUp();
  const old = await openAndTalk();
  proxy.breakDown({ kind: 'black-hole' });
  old.socket.write('b');
  const newcomer = await open();
  newcomer.socket.write('x');
  proxy.heal();
  await expect.poll(() => newcomer.heard).toBe('x');
  expect([old.heard, old.socket.destroyed, atServer[0]?.destroyed]).toEqual(['a', false, false]);
  proxy.heal({ bury: true });
  await expect.poll(() => [old.socket.destroyed, atServer[0]?.destroyed]).toEqual([true, true]);
});

it('half open, the one end is closed and the other one does not hear of it, the server until it heals', async () => {
  const { proxy, atServer, openAndTalk } = await setUp();
  const first = await openAndTalk();
  proxy.breakDown({ kind: 'server-unaware' });
  await expect.poll(() => first.socket.destroyed).toBe(true);
  expect(atServer[0]?.destroyed).toBe(false);
  proxy.heal();
  await expect.poll(() => atServer[0]?.destroyed).toBe(true);

  const second = await openAndTalk();
  proxy.breakDown({ kind: 'client-unaware' });
  await expect.poll(() => atServer[1]?.destroyed).toBe(true);
  proxy.heal();
  second.socket.write('b');
  await openAndTalk();
  expect([second.heard, second.socket.destroyed]).toEqual(['a', false]);
});

it('resets the connections that are open, and lets new ones through', async () => {
  const { proxy, openAndTalk } = await setUp();
  const client = await openAndTalk();
  proxy.reset();
  await expect.poll(() => client.error?.code).toBe('ECONNRESET');
  await openAndTalk();
});
