import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes of a body that is read on all the same: a connection that can be used again is worth that much. */
const maxDrainedBytes = 64 * 1024;
/** How long a client that is still sending has to read its answer. */
const lingerMs = 1000;

/**
 * Ends the connection with an answer that goes out before a large request's body is here whole, as a refusal does. Node would
 * read on, however much there is, and keep the connection. What still comes is not read; the connection is cut a moment
 * later only, because the client's system throws the answer away when it is cut at once.
 */
export const endUnlessRead = (request: IncomingMessage, response: ServerResponse): void => {
  const { headers, socket } = request;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= maxDrainedBytes) return;
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    if (!request.complete) {
      response.shouldKeepAlive = false;
      // What Node calls when the answer is out.
      socket.destroySoon = () => {
        socket.end();
        // By then Node has begun to read what is left, to throw it away.
        setImmediate(() => socket.pause());
        setTimeout(() => socket.destroy(), lingerMs).unref();
      };
    }
    return writeHead(...args);
  };
};
