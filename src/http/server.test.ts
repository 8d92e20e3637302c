import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { atTestEnd } from '../../test/support/at-test-end.ts';
import { startHttpServer } from './server.ts';
import { makeUnreadAnswers } from './unread-answers.ts';

type Options = Pick<Parameters<typeof startHttpServer>[0], 'limits' | 'drainMs' | 'isOfApi'> & { onRefused?: () => void };
const start = async ({ limits = {}, drainMs, isOfApi, onRefused = () => {} }: Options = {}) => {
  const unread = makeUnreadAnswers();
  const server = await startHttpServer({
    onRefused,
    limits,
    host: '127.0.0.1',
    port: 0,
    readiness: async () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    onError: () => {},
    unread,
    ...(drainMs !== undefined && { drainMs }),
    ...(isOfApi && { isOfApi }),
  });
  atTestEnd(() => server.close(0));
  return { ...server, unread };
};

describe('connections that say nothing', () => {
  const connectTo = async (url: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const ended = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
    await once(socket, 'connect');
    return { socket, ended };
  };

  it('make room for those that come: the longest silent is cut off, and health goes on answering', async () => {
    const onRefused = vi.fn();
    const server = await start({ limits: { idle: { max: 100, maxPerAddress: 10 } }, onRefused });
    const silent: Awaited<ReturnType<typeof connectTo>>[] = [];
    for (let n = 0; n < 30; n++) silent.push(await connectTo(server.url));
    await Promise.all(silent.slice(0, 20).map(({ socket, ended }) => socket.resume() && ended));
    expect(onRefused).toHaveBeenCalledTimes(20);
    expect(onRefused).toHaveBeenCalledWith('idle_connection');
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    for (const { socket } of silent) socket.destroy();
  });

  it('are among them between two requests, and not while an answer is under way', async () => {
    const server = await start({ limits: { idle: { max: 100, maxPerAddress: 2 } } });
    const answers: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void answers.push(response), upgrade: () => {} });
    const [busy, idle] = [await connectTo(server.url), await connectTo(server.url)];
    busy.socket.write('GET /graphql HTTP/1.1\r\nHost: a\r\n\r\n');
    idle.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle.socket, 'data');
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    const silent = [await connectTo(server.url), await connectTo(server.url)];
    await idle.ended;
    answers[0]?.end('done');
    expect(String((await once(busy.socket, 'data'))[0])).toContain('done');
    for (const { socket } of [busy, ...silent]) socket.destroy();
  });

  it('are not those that sent a request before they had the answer to another', async () => {
    const server = await start({ limits: { idle: { max: 100, maxPerAddress: 1 } } });
    const answers: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void answers.push(response), upgrade: () => {} });
    const busy = await connectTo(server.url);
    const ask = 'GET /graphql HTTP/1.1\r\nHost: a\r\n\r\n';
    busy.socket.write(ask + ask);
    let received = '';
    busy.socket.on('data', (data) => {
      received += data;
    });
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(0));
    answers[0]?.end('first');
    await vi.waitFor(() => expect(received).toContain('first'));
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    const silent = [await connectTo(server.url), await connectTo(server.url)];
    await silent[0]?.ended;
    answers[1]?.end('second');
    await vi.waitFor(() => expect(received).toContain('second'));
    for (const { socket } of [busy, ...silent]) socket.destroy();
  });

  it('are ended when their headers do not come in time', async () => {
    const server = await start({ limits: { headersMs: 50, checkMs: 20 } });
    const [silent, slow] = [await connectTo(server.url), await connectTo(server.url)];
    slow.socket.write('GET /healthz HTTP/1.1\r\n');
    for (const { socket } of [silent, slow]) socket.resume();
    await Promise.all([silent.ended, slow.ended]);
  });
});

describe('closing the server', () => {
  it('waits for an answer that is under way, and then for no connection that its client keeps open', async () => {
    const server = await start();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    server.serve({
      handle: async (_request, response) => {
        asked.resolve();
        await answer.promise;
        response.end('done');
      },
      upgrade: () => {},
    });
    // Keeps its connections for ever.
    const agent = new Agent({ keepAlive: true });
    atTestEnd(async () => agent.destroy());
    const request = get(`${server.url}/graphql`, { agent });
    await asked.promise;

    let closed = false;
    const closing = server.close(60_000).then(() => {
      closed = true;
    });
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    expect(closed).toBe(false);
    answer.resolve();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect((await response.setEncoding('utf8').toArray()).join('')).toBe('done');
    await closing;
  });

  it('ends the connection with the answer that is under way, and with each that comes after', async () => {
    const server = await start();
    const answers: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void answers.push(response), upgrade: () => {} });
    const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
    atTestEnd(async () => agents.forEach((agent) => void agent.destroy()));
    const requests = agents.map((agent) => get(`${server.url}/graphql`, { agent }));
    const headers = Promise.all(requests.map(async (request) => (await once(request, 'response'))[0].resume().headers));
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    const closing = server.close(60_000);
    for (const answer of answers) answer.end();
    expect(await headers).toEqual([
      expect.objectContaining({ connection: 'close' }),
      expect.objectContaining({ connection: 'close' }),
    ]);
    await closing;
  });

  it('says so to a client that sends its next request while it waits for an answer', async () => {
    const server = await start();
    const answers: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void answers.push(response), upgrade: () => {} });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const ask = 'GET /graphql HTTP/1.1\r\nHost: a\r\n';
    // A request that has begun keeps its connection from being idle.
    socket.write(ask);
    await once(socket, 'connect');
    const other = get(`${server.url}/graphql`);
    other.on('error', () => {});
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    const closing = server.close(60_000);
    socket.write('\r\n');
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    for (const answer of answers) answer.end();
    expect((await socket.setEncoding('utf8').toArray()).join('')).toMatch(/\r\nConnection: close\r\n/);
    await closing;
  });

  it('cuts off what is still under way at the deadline', async () => {
    const server = await start();
    const asked = Promise.withResolvers<void>();
    server.serve({ handle: () => asked.resolve(), upgrade: () => {} });
    const request = fetch(`${server.url}/graphql`);
    request.catch(() => {});
    await asked.promise;
    await server.close(10);
    await expect(request).rejects.toThrow();
  });
});

/** A connection that reads nothing until it is resumed. */
const connectTo = async ({ url }: { url: string }) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').pause();
  socket.on('error', () => {});
  atTestEnd(async () => void socket.destroy());
  await once(socket, 'connect');
  return socket;
};
const ask = 'GET /graphql HTTP/1.1\r\nHost: a\r\n\r\n';
/** More than the network takes by itself. */
const large = 'x'.repeat(20_000_000);

describe('a connection whose answer nobody reads', () => {
  it('is ended when nothing has been taken for a while, and nothing of it is kept', async () => {
    const server = await start({ drainMs: 50 });
    const closed = Promise.withResolvers<void>();
    server.serve({
      handle: (_request, response) => {
        response.on('close', closed.resolve);
        response.end(large);
      },
      upgrade: () => {},
    });
    const socket = await connectTo(server);
    socket.write(ask);
    await vi.waitFor(() => expect(server.unread.bytes()).toBe(large.length));
    await closed.promise;
    expect(server.unread.bytes()).toBe(0);
  });

  it('is one whose stream is written to, and not one whose stream has nothing to say', async () => {
    const server = await start({ drainMs: 50 });
    const streams: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void streams.push(response), upgrade: () => {} });
    const [quiet, busy] = [await connectTo(server), await connectTo(server)];
    for (const [n, socket] of [quiet, busy].entries()) {
      socket.write(ask);
      await vi.waitFor(() => expect(streams).toHaveLength(n + 1));
      streams[n]?.write('hello');
    }
    const closed = once(streams[1] as ServerResponse, 'close');
    streams[1]?.write(large);
    await closed;
    streams[0]?.end('!');
    quiet.setEncoding('utf8').resume();
    expect((await once(quiet, 'data'))[0]).toContain('hello');
  });

  it('is not one that takes some of it now and then', async () => {
    const server = await start({ drainMs: 200 });
    server.serve({ handle: (_request, response) => void response.end(large), upgrade: () => {} });
    const socket = await connectTo(server);
    socket.write(ask);
    const ended = once(socket, 'close').then(() => expect.unreachable('it was ended'));
    let read = 0;
    // Each pause is shorter than the deadline, and all of them are longer.
    while (read < large.length) {
      const chunk = socket.read();
      read += chunk?.length ?? 0;
      if (!chunk) await Promise.race([once(socket, 'readable'), ended]);
    }
  });
});

describe('before the API is added', () => {
  it('its paths are not ready, and any other path is not found', async () => {
    const server = await start({ isOfApi: (path) => path.startsWith('/more/') });
    const ask = async (path: string) => (await fetch(`${server.url}${path}`)).status;
    expect([await ask('/graphql'), await ask('/more/of/it'), await ask('/elsewhere')]).toEqual([503, 503, 404]);
    const serveOther = (_request: IncomingMessage, response: ServerResponse) => Boolean(response.end('served'));
    server.serve({ handle: (_request, response) => void response.end(), serveOther, upgrade: () => {} });
    expect([await ask('/graphql'), await ask('/more/of/it')]).toEqual([200, 200]);
  });
});

describe('requests that are sent ahead on one connection', () => {
  it('are handled one after the other, each when the answer before it has been taken', async () => {
    const server = await start();
    const answers: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void answers.push(response), upgrade: () => {} });
    const socket = await connectTo(server);
    socket.write(ask.repeat(3));
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    answers[0]?.end(large);
    // Handled by now, if it were not to wait.
    await fetch(`${server.url}/healthz`);
    expect(answers).toHaveLength(1);
    socket.resume();
    for (const handled of [2, 3]) {
      await vi.waitFor(() => expect(answers).toHaveLength(handled));
      answers.at(-1)?.end();
    }
  });

  it('are refused with 429 from the 34th on, and the connection ends', async () => {
    const server = await start();
    const answers: ServerResponse[] = [];
    server.serve({ handle: (_request, response) => void answers.push(response.end('ok')), upgrade: () => {} });
    const socket = await connectTo(server);
    socket.write(ask.repeat(34));
    const text = (await socket.setEncoding('utf8').toArray()).join('');
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([...Array.from({ length: 33 }, () => 'HTTP/1.1 200'), 'HTTP/1.1 429']);
    expect(text).toContain('"code":"RATE_LIMITED"');
    expect(answers).toHaveLength(33);
  });
});
