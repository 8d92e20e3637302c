import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { atTestEnd } from '../../test/support/at-test-end.ts';
import { startHttpServer } from './server.ts';
import { makeUnreadAnswers } from './unread-answers.ts';

const start = async () => {
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    readiness: async () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    onError: () => {},
    unread: makeUnreadAnswers(),
  });
  atTestEnd(() => server.close(0));
  return server;
};

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
