import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { atTestEnd } from '../../test/support/at-test-end.ts';
import { startHttpServer } from './server.ts';

const start = async () => {
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    readiness: async () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
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
