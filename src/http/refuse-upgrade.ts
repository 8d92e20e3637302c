import type { Duplex } from 'node:stream';

/** Answers an HTTP upgrade with an error status, and ends the connection even if the client does not. */
export const refuseUpgrade = (socket: Duplex, status: string): void => {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
};
