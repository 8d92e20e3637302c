import type { Duplex } from 'node:stream';
import { CloseCode, type Message, MessageType, parseMessage, type Server } from 'graphql-ws';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { UnreadAnswer } from '../http/unread-answers.ts';

/** Bytes that a socket may send before it is authenticated: its `connection_init`, and little beside. */
const maxBytesBeforeAck = 20 * 1024;
const pong = JSON.stringify({ type: MessageType.Pong });

type Deps<Extra extends { messageBytes: number }> = {
  server: Server<Extra>;
  client: WebSocket;
  /** The connection below the websocket. */
  connection: Duplex;
  /** Is told the length of each message before it is handled. */
  extra: Extra;
  /** What may wait for a client that does not read. Beyond it the socket is cut off. */
  maxBufferedBytes: number;
  /** Counts what waits for this socket among what waits for its caller, and in this process. */
  answer: UnreadAnswer;
  /** How often it is pinged; one that has not answered by the next time is cut off. */
  keepAliveMs: number;
  logger: Pick<Logger, 'debug' | 'error'>;
};

/**
 * Binds a websocket to graphql-ws. Its own binding, `graphql-ws/use/ws`, answers pings with what they carry, lets answers
 * pile up, and prints to the console: strangers could fill the memory and stderr.
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
  // The reason of a close frame holds at most 123 bytes, which 40 UTF-16 units never exceed.
  const close = (code: number, reason = '') =>
    client.close(code, Buffer.byteLength(reason) <= 123 ? reason : reason.slice(0, 40));
  const isCutOff = (): boolean => {
    if (client.bufferedAmount > maxBufferedBytes) client.terminate();
    return !isOpen();
  };
  // One pong answers all pings that came while it waited to be sent, so they cannot pile up. It carries nothing.
  const answerPing = () => {
    if (pongIsWaiting || isCutOff()) return;
    pongIsWaiting = true;
    client.send(pong, () => {
      pongIsWaiting = false;
    });
  };

  /** ws would gather a message of up to its limit for every stranger. */
  let bytesBeforeAck = 0;
  const countBytes = ({ length }: Buffer) => {
    bytesBeforeAck += length;
    if (bytesBeforeAck <= maxBytesBeforeAck || !isOpen()) return;
    // Nobody reads what else comes: it is thrown away, until the client ends or the close frame's answer is overdue.
    connection.removeAllListeners('data');
    connection.resume();
    close(CloseCode.BadRequest, 'Too much before connection_ack');
    connection.end();
  };
  // Before ws hears of them: what is too much must not be looked at.
  connection.prependListener('data', countBytes);

  const isAcceptable = (message: Message | null): message is Message => {
    if (!message || serversTypes.has(message.type)) return false;
    // An operation passes: graphql-ws closes with 4401, which says more.
    return phase !== 'silent' || message.type === MessageType.ConnectionInit || message.type === MessageType.Subscribe;
  };

  const closed = server.opened(
    {
      protocol: client.protocol,
      // Resolves when the message has gone to the network: that is what holds a subscription back for a slow reader.
      send: (data) =>
        new Promise((resolve) => {
          // With air between: a subscription that never waits would keep the close event, which ends it, from ever coming.
          if (isCutOff()) return void setImmediate(resolve);
          if (phase === 'initialising') {
            phase = 'acknowledged';
            connection.off('data', countBytes);
          }
          // What cannot be sent is followed by the socket's end, which ends its operations.
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
          // ws hands over what comes after a close frame, too.
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

  // A client's protocol errors, such as a message over the limit. ws has closed the socket with their own codes by now.
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

/** What only a server says. */
const serversTypes = new Set<MessageType>([MessageType.ConnectionAck, MessageType.Next, MessageType.Error]);

const read = (text: string): Message | null => {
  try {
    return parseMessage(text);
  } catch {
    return null;
  }
};
