import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atTestEnd } from './at-test-end.ts';

/** A server that serves files under /log/, as a running service does, until the end of the test. */
export const startLogServer = async (files: ReadonlyMap<string, Buffer>, { token }: { token?: string } = {}) => {
  const state = { files, asked: [] as string[], answer: null as null | number };
  const server = createServer((request, response) => {
    const name = request.url?.replace(/^\/log\//, '') ?? '';
    state.asked.push(name);
    const file = state.files.get(name);
    if (state.answer === 0) request.socket.destroy();
    else if (state.answer !== null) response.writeHead(state.answer).end();
    else if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) response.writeHead(401).end();
    else if (file) response.end(file);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atTestEnd(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
};
