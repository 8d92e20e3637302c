import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { makeWaitingRoom } from '../kernel/limits/waiting-room.ts';
import { clientNetwork } from './client-network.ts';

export type IdleLimits = { max: number; maxPerAddress: number };

/**
 * Limits the connections of a server that have no request under way: those that have sent nothing yet, and those between two
 * requests. A new connection replaces the one that has been idle longest, preferably one from the same address. The address is
 * that of the connection itself, because a proxy names its clients only in requests.
 */
export const boundIdleConnections = (server: Server, { onCutOff, ...limits }: IdleLimits & { onCutOff: () => void }): void => {
  const room = makeWaitingRoom(limits);
  const leaving = new WeakMap<Socket, () => void>();
  // A client can send its next request before it has the answer to the first.
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
