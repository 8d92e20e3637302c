import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Most requests that wait on one connection for an earlier answer. Browsers and most clients never send requests ahead. */
export const maxPipelined = 32;

type Handle<Response extends ServerResponse> = (request: IncomingMessage, response: Response) => void;

/**
 * Handles the requests of a connection one after the other. Answers must go out in order anyway: if requests that were sent ahead
 * were handled at once, their whole answers would wait in memory for a reader who may never read them.
 */
export const inTurn = <Response extends ServerResponse>(handle: Handle<Response>, refuse: Handle<Response>): Handle<Response> => {
  const connections = new WeakMap<Socket, { waiting: (() => void)[]; isRefused: boolean }>();
  return (request, response) => {
    const { socket } = request;
    const known = connections.get(socket);
    const connection = known ?? { waiting: [], isRefused: false };
    connections.set(socket, connection);
    const run = () => {
      response.once('close', () => {
        const next = connection.waiting.shift();
        if (next && !socket.destroyed) next();
        else connections.delete(socket);
      });
      handle(request, response);
    };
    if (!known) return run();
    if (connection.waiting.length < maxPipelined) return void connection.waiting.push(run);
    // The client reads the refusal only after the earlier answers. If it keeps sending until then, cut it off.
    if (connection.isRefused) return void socket.destroy();
    connection.isRefused = true;
    refuse(request, response);
  };
};
