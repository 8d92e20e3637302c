import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type ClientOptions, WebSocket } from 'ws';
import { atTestEnd } from './at-test-end.ts';

type SocketMessage = { type: string; id?: string; payload?: unknown };

/**
 * A websocket that speaks graphql-transport-ws by hand, so that a test sees what a client library would hide: each message, the
 * close code, the answer to a refused upgrade. It ends at the end of the test.
 */
export const openRawSocket = (url: string, options: ClientOptions = {}) => {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', options);
  const messages: SocketMessage[] = [];
  let wake = () => {};
  let closing: { code: number; reason: string } | null = null;
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)));
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    closing = { code, reason: String(reason) };
    wake();
  });
  const refused = once(socket, 'unexpected-response').then(([, response]) => (response as IncomingMessage).statusCode);
  refused.catch(() => {});
  atTestEnd(async () => socket.terminate());

  const until = async <Value>(find: () => Value | null | undefined): Promise<Value> => {
    for (;;) {
      const found = find();
      if (found != null) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const send = (message: object | string) => socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  const next = () =>
    until(() => {
      if (messages.length === 0 && closing) throw new Error(`closed with ${closing.code} ${closing.reason} before a message`);
      return messages.shift();
    });
  return {
    socket,
    send,
    /** The next message. Rejects if the socket closes before it. */
    next,
    /** Resolves with the close frame that the server sent. */
    closed: () => until(() => closing),
    /** The HTTP status of a refused upgrade. */
    refused,
    opened: () => once(socket, 'open'),
    /** Opens the connection by graphql-ws's protocol. Resolves when the server has accepted the token. */
    init: async (token: string | null) => {
      if (socket.readyState === WebSocket.CONNECTING) await once(socket, 'open');
      send({ type: 'connection_init', payload: token === null ? {} : { authorization: `Bearer ${token}` } });
      return next();
    },
    /** Runs an operation, and resolves to its first answer. */
    run: async (query: string, variables: object = {}) => {
      send({ id: 'run', type: 'subscribe', payload: { query, variables } });
      const answer = await next();
      if (answer.type === 'next') await next();
      return answer;
    },
  };
};

export type RawSocket = ReturnType<typeof openRawSocket>;
