import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that wait on one connection for the answer to the one before. Browsers and the usual clients send none ahead. */
export const maxPipelined = 32;

type Handle<Response extends ServerResponse> = (request: IncomingMessage, response: Response) => void;

/**
 * Handles the requests of a connection one after the other. Answers must go out in their order anyway, so those of requests that
 * were sent ahead would only wait, all of them whole, for a reader who may never come.
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
    // The refusal is read, if ever, after what was asked for before; who goes on sending does not wait for it.
    if (connection.isRefused) return void socket.destroy();
    connection.isRefused = true;
    refuse(request, response);
  };
};
