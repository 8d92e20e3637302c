import type { IncomingMessage, ServerResponse } from 'node:http';

/** A body of at most this many bytes is read to its end, so that the connection can be reused. */
const maxDrainedBytes = 64 * 1024;
/** Milliseconds that a client that is still sending has to read its answer. */
const lingerMs = 1000;

/**
 * Ends the connection if an answer, such as a refusal, is sent before the whole body of a large request has arrived. Node would
 * read the rest, however large, to keep the connection. The connection is cut a moment later, because if it were cut at once, the
 * client's operating system would discard the answer.
 */
export const endUnlessRead = (request: IncomingMessage, response: ServerResponse): void => {
  const { headers, socket } = request;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= maxDrainedBytes) return;
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    if (!request.complete) {
      response.shouldKeepAlive = false;
      // Node calls this once the answer is sent.
      socket.destroySoon = () => {
        socket.end();
        // By then Node has started to read and discard the rest.
        setImmediate(() => socket.pause());
        setTimeout(() => socket.destroy(), lingerMs).unref();
      };
    }
    return writeHead(...args);
  };
};
