import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { encodeCursor } from '../src/graphql/connection.ts';

type Options = { urls: readonly string[]; authorization: string; signal: AbortSignal };

const retryMs = 300;
const pingMs = 2000;
const pongWithinMs = 4000;
const query = 'subscription ($after: String) { event: auditEvents(after: $after) { position cursor } }';
type Event = { position: number; cursor: string };

/**
 * Follows the log from its start until the signal aborts. After a break, it goes on where it stopped, through the next API
 * process. Positions are in order of arrival.
 */
export const followLog = ({ urls, authorization, signal }: Options) => {
  const positions: number[] = [];
  let after = encodeCursor('event', '0');

  const followOnce = async (url: string) => {
    let pong: NodeJS.Timeout | undefined;
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      connectionParams: { authorization },
      retryAttempts: 0,
      keepAlive: pingMs,
      connectionAckWaitTimeout: pongWithinMs,
      on: {
        ping: (received) => {
          // A paused process or a dead connection does not answer.
          if (!received) pong = setTimeout(() => client.terminate(), pongWithinMs);
        },
        pong: (received) => {
          if (received) clearTimeout(pong);
        },
      },
    });
    const end = () => client.terminate();
    signal.addEventListener('abort', end);
    try {
      for await (const { data } of client.iterate<{ event: Event }>({ query, variables: { after } })) {
        if (!data) break;
        positions.push(data.event.position);
        after = data.event.cursor;
      }
    } finally {
      signal.removeEventListener('abort', end);
      clearTimeout(pong);
      // Not awaited: a connection that was never established would block.
      void client.dispose();
    }
  };
  const done = (async () => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      // Every error leads to a new attempt. The checker finds what is missing at the end.
      await followOnce(urls[turn % urls.length] ?? '').catch(() => {});
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  })();
  return { positions, done };
};
