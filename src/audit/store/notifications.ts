import type { Logger } from 'pino';
import { keepAliveMs } from '../../database/database.ts';
import { type Connection, makeConnections } from '../../database/postgres-connections.ts';
import { describeError } from '../../kernel/describe-error.ts';
import type { RemoteBus, Topic } from '../ports/bus.ts';

const channel = 'flagtrail';
const reconnectMs = 2000;
/** These statements take no time, so a server that is silent for this long is gone. */
const silentForMs = 3000;

/**
 * Wake-ups between processes by LISTEN and NOTIFY, on a connection of their own: inside a business transaction, a NOTIFY would
 * make all commits queue for one lock. While the connection is down nobody is woken, and every process polls.
 */
export const startNotifications = ({ url, logger }: { url: string; logger: Logger }): RemoteBus & { close(): Promise<void> } => {
  const { Connection } = makeConnections({ connectWithinMs: silentForMs, silentForMs });
  let client: Connection | null = null;
  let backendPid: number | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let listener: (topic: Topic) => void = () => {};
  const unsent = new Set<Topic>();
  let sending = false;

  const connect = async () => {
    const next = new Connection({
      connectionString: url,
      application_name: 'flagtrail notifications',
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveMs,
    });
    next.on('error', () => reconnect(next));
    next.on('end', () => reconnect(next));
    next.on('notification', ({ payload, processId }) => {
      if (processId !== backendPid && (payload === 'outbox' || payload === 'log')) listener(payload);
    });
    try {
      client = next;
      await next.connect();
      const { rows } = await next.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      backendPid = rows[0]?.pid ?? null;
      await next.query(`LISTEN ${channel}`);
      // Commits during the gap woke nobody here.
      listener('outbox');
      listener('log');
    } catch (error) {
      logger.warn({ err: error }, `no notifications from other processes (${describeError(error)}); polling meanwhile`);
      reconnect(next);
    }
  };
  const reconnect = (failed: Connection) => {
    if (closed || client !== failed) return;
    client = null;
    backendPid = null;
    failed.end().catch(() => {});
    timer = setTimeout(() => void connect(), reconnectMs);
  };

  /** Sends one NOTIFY at a time. Wake-ups during that time lead to one more. */
  const send = async () => {
    if (sending) return;
    sending = true;
    try {
      while (unsent.size > 0 && client && backendPid !== null) {
        const topics = [...unsent];
        unsent.clear();
        await client.query('SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic', [channel, topics]);
      }
    } catch (error) {
      logger.debug({ err: error }, 'a notification was not sent');
    } finally {
      sending = false;
    }
  };

  void connect();
  return {
    publish: (topic) => {
      unsent.add(topic);
      void send();
    },
    onWake: (added) => {
      listener = added;
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
};
