import { createSecretKey } from 'node:crypto';
import net from 'node:net';

/** An answer over HTTP, whatever its body is. */
export const request = async (url: string, init: RequestInit = {}) => {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const body = text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : null;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body,
    code: body?.errors?.[0]?.extensions?.code as string | undefined,
  };
};

export const json = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** The secret of an AUTH_SECRET setting. */
export const secretOf = (text: string) => createSecretKey(Buffer.from(text));

/** Asks for a websocket in a way that no client library would, and returns the status line of the answer. */
export const rawUpgrade = async (url: string, { origin }: { origin: string }): Promise<string> => {
  const { port, host } = new URL(url);
  const socket = net.connect(Number(port), '127.0.0.1');
  const head = `GET /graphql HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  socket.end(head, 'latin1');
  return (await socket.setEncoding('latin1').toArray()).join('').split('\r\n', 1)[0] ?? '';
};

/**
 * Sends the head of a request, and then its body for as long as the service accepts it, up to `maxBytes`. Resolves when the
 * connection has ended, with the answer and how many bytes were sent.
 */
export const sendOnAndOn = (url: string, { head, chunk, maxBytes }: { head: string; chunk: Buffer; maxBytes: number }) =>
  new Promise<{ answer: string; sent: number; cut: boolean }>((resolve) => {
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    const send = () => {
      while (socket.bytesWritten < maxBytes && socket.writable && socket.write(chunk));
    };
    socket.write(head);
    socket.on('drain', send).on('connect', send);
    socket.on('data', (data) => {
      answer += data;
    });
    // The connection was cut while it was still sending.
    socket.on('error', () => {});
    socket.on('close', () => {
      const sent = socket.bytesWritten - socket.writableLength;
      resolve({ answer, sent, cut: sent < maxBytes });
    });
  });
