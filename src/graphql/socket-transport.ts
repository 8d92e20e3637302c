import type { Duplex } from 'node:stream';
import { CloseCode, type Message, MessageType, parseMessage, type Server } from 'graphql-ws';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { UnreadAnswer } from '../http/unread-answers.ts';

/** Most bytes that a socket can send before it is authenticated: its `connection_init`, and little more. */
const maxBytesBeforeAck = 20 * 1024;
const pong = JSON.stringify({ type: MessageType.Pong });

type Deps<Extra extends { messageBytes: number }> = {
  server: Server<Extra>;
  client: WebSocket;
  /** The connection below the websocket. */
  connection: Duplex;
  /** `messageBytes` is set to the length of each message before the message is handled. */
  extra: Extra;
  /** Most bytes that can wait for a client that does not read. Above that, the socket is cut off. */
  maxBufferedBytes: number;
  /** Counts the unread bytes of this socket towards those of its caller and of this process. */
  answer: UnreadAnswer;
  /** Milliseconds between pings. A socket that has not answered by the next ping is cut off. */
  keepAliveMs: number;
  logger: Pick<Logger, 'debug' | 'error'>;
};

/**
 * Binds a websocket to graphql-ws. The library's own binding, `graphql-ws/use/ws`, echoes the payload of pings, lets answers
 * pile up, and prints to the console: with it, strangers could fill the memory and stderr.
 */
export const bindSocket = <Extra extends { messageBytes: number }>({
  server,
  client,
  connection,
  extra,
  maxBufferedBytes,
  keepAliveMs,
  answer,
  logger,
}: Deps<Extra>): void => {
  let phase: 'silent' | 'initialising' | 'acknowledged' = 'silent';
  let isAlive = true;
  let pongIsWaiting = false;

  const isOpen = () => client.readyState === client.OPEN;
  // The reason of a close frame can have at most 123 bytes. 40 UTF-16 units always fit.
  const close = (code: number, reason = '') =>
    client.close(code, Buffer.byteLength(reason) <= 123 ? reason : reason.slice(0, 40));
  const isCutOff = (): boolean => {
    if (client.bufferedAmount > maxBufferedBytes) client.terminate();
    return !isOpen();
  };
  // One pong answers all pings that arrive while it waits to be sent, so pongs cannot pile up. It has no payload.
  const answerPing = () => {
    if (pongIsWaiting || isCutOff()) return;
    pongIsWaiting = true;
    client.send(pong, () => {
      pongIsWaiting = false;
    });
  };

  /** Limits what a stranger can send: without this, ws would buffer a message of up to its own limit for each of them. */
  let bytesBeforeAck = 0;
  const countBytes = ({ length }: Buffer) => {
    bytesBeforeAck += length;
    if (bytesBeforeAck <= maxBytesBeforeAck || !isOpen()) return;
    // Discard everything else that arrives, until the client closes or its answer to the close frame is overdue.
    connection.removeAllListeners('data');
    connection.resume();
    close(CloseCode.BadRequest, 'Too much before connection_ack');
    connection.end();
  };
  // Listen before ws does, so that it never parses bytes beyond the limit.
  connection.prependListener('data', countBytes);

  const isAcceptable = (message: Message | null): message is Message => {
    if (!message || serversTypes.has(message.type)) return false;
    // Operations pass: graphql-ws closes with 4401, which tells the client more.
    return phase !== 'silent' || message.type === MessageType.ConnectionInit || message.type === MessageType.Subscribe;
  };

  const closed = server.opened(
    {
      protocol: client.protocol,
      // Resolves when the message has gone to the network. This is what slows a subscription down for a slow reader.
      send: (data) =>
        new Promise((resolve) => {
          // Give the event loop a turn: a subscription that never waits would block the close event that ends it.
          if (isCutOff()) return void setImmediate(resolve);
          if (phase === 'initialising') {
            phase = 'acknowledged';
            connection.off('data', countBytes);
          }
          // If sending fails, the socket closes soon, and that ends its operations.
          answer.wrote(data.length);
          client.send(data, () => {
            answer.drained(data.length);
            resolve();
          });
        }),
      close,
      onPing: answerPing,
      onMessage: (handle) => {
        client.on('message', async (data) => {
          // ws also delivers messages that arrive after a close frame.
          if (isCutOff()) return;
          const text = String(data);
          const message = read(text);
          if (!isAcceptable(message)) return close(CloseCode.BadRequest, 'Invalid message received');
          if (phase === 'silent' && message.type === MessageType.ConnectionInit) phase = 'initialising';
          extra.messageBytes = Buffer.byteLength(text);
          await handle(text).catch((error) => {
            logger.error({ err: error }, 'a message on a socket could not be handled');
            close(1011, 'Something went wrong on our side');
          });
        });
      },
    },
    extra,
  );

  // Protocol errors of the client, such as a message over the limit. ws has already closed the socket with the right code.
  client.on('error', (error) => logger.debug({ err: error }, 'a socket was closed'));
  client.on('pong', () => {
    isAlive = true;
  });
  const heartbeat = setInterval(() => {
    if (!isAlive) client.terminate();
    isAlive = false;
    if (isOpen()) client.ping();
  }, keepAliveMs);
  client.on('close', (code, reason) => {
    clearInterval(heartbeat);
    answer.close();
    closed(code, String(reason)).catch((error) => logger.error({ err: error }, 'a socket could not be cleared away'));
  });
};

/** Messages that only servers send. */
const serversTypes = new Set<MessageType>([MessageType.ConnectionAck, MessageType.Next, MessageType.Error]);

const read = (text: string): Message | null => {
  try {
    return parseMessage(text);
  } catch {
    return null;
  }
};
