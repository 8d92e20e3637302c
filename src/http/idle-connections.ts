import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { makeWaitingRoom } from '../kernel/limits/waiting-room.ts';
import { clientNetwork } from './client-network.ts';

export type IdleLimits = { max: number; maxPerAddress: number };

/**
 * Keeps the connections of a server that have no request under way within bounds: those that have sent nothing yet, and
 * those between two requests. A new one takes the place of the one that has been idle longest, from the same address first. The
 * address is the connection's own: what a proxy says of its clients comes only with a request.
 */
export const boundIdleConnections = (server: Server, { onCutOff, ...limits }: IdleLimits & { onCutOff: () => void }): void => {
  const room = makeWaitingRoom(limits);
  const leaving = new WeakMap<Socket, () => void>();
  // A client may send its next request before it has the answer.
  const underWay = new WeakMap<Socket, number>();
  const enter = (socket: Socket) => {
    if (socket.destroyed) return;
    const cutOff = () => {
      socket.destroy();
      onCutOff();
    };
    leaving.set(socket, room.enter(clientNetwork(socket.remoteAddress ?? null), cutOff));
  };
  const leave = (socket: Socket) => leaving.get(socket)?.();

  server.on('connection', (socket: Socket) => {
    enter(socket);
    socket.on('close', () => leave(socket));
  });
  server.on('request', ({ socket }, response: ServerResponse) => {
    const before = underWay.get(socket) ?? 0;
    underWay.set(socket, before + 1);
    if (before === 0) leave(socket);
    response.on('close', () => {
      const left = (underWay.get(socket) ?? 1) - 1;
      underWay.set(socket, left);
      if (left === 0) enter(socket);
    });
  });
  server.on('upgrade', ({ socket }) => leave(socket));
};
