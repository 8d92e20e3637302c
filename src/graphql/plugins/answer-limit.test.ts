import { describe, expect, it } from 'vitest';
import { startGraphQL } from '../../../test/support/graphql-server.ts';
import { aLogEntry } from '../../../test/support/log-entries.ts';
import { json, request } from '../../../test/support/raw-http.ts';
import { openRawSocket } from '../../../test/support/raw-socket.ts';

const query = 'subscription { auditEvents { position metadata } }';
const open = (url: string, signal?: AbortSignal) =>
  fetch(url, {
    ...json({ query }, { authorization: 'Bearer a-token', accept: 'text/event-stream' }),
    ...(signal && { signal }),
  });

describe('streams of events over HTTP', () => {
  it('are as many at a time as a caller may have; the next is refused with 429, and others stay', async () => {
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: async () => ({ done: true }) }) };
    const { url, unread } = await startGraphQL({ follow: async () => never }, { waiting: { callerStreams: 2 } });
    const leaving = new AbortController();
    // Kept until the end: fetch leaves a stream whose response has been collected as garbage.
    const streams = [await open(url, leaving.signal), await open(url)];
    expect(streams.map(({ status }) => status)).toEqual([200, 200]);
    const refused = await request(url, json({ query }, { authorization: 'Bearer a-token', accept: 'text/event-stream' }));
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('You have 3 open streams, but a caller can have at most 2');
    leaving.abort();
    await expect.poll(() => unread.streams()).toBe(1);
    streams.push(await open(url));
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('end with an error where so much waits for their caller that the next event has no room', async () => {
    const entries = async function* () {
      yield aLogEntry(1);
      yield aLogEntry(2, { metadata: { filler: 'x'.repeat(5000) } as never });
    };
    const { url, unread } = await startGraphQL({ follow: async () => entries() }, { waiting: { callerBytes: 4000 } });
    const text = await (await open(url)).text();
    const events = [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data ?? ''));
    expect(events).toEqual([
      { data: { auditEvents: expect.objectContaining({ position: 1 }) } },
      { errors: [expect.objectContaining({ extensions: { code: 'RATE_LIMITED', retryAfterMs: 1000 } })] },
    ]);
    expect(unread.bytes()).toBe(0);
  });
});

describe('sockets that nobody reads', () => {
  it('are cut off, the largest first, when too much waits for their caller; who reads goes on', async () => {
    const entries = async function* () {
      for (let n = 1; n <= 40; n++) yield aLogEntry(n, { metadata: { filler: 'x'.repeat(500_000) } as never });
    };
    const { url, unread } = await startGraphQL(
      { follow: async () => entries() },
      { waiting: { callerBytes: 900_000 }, limits: { answerBytes: 1_000_000 } },
    );
    const subscribe = async () => {
      const socket = openRawSocket(url);
      await socket.init('a-token');
      return socket;
    };
    const silent = [await subscribe(), await subscribe()];
    for (const { socket, send } of silent) {
      send({ id: '1', type: 'subscribe', payload: { query } });
      socket.pause();
    }
    // An event waits for one of them; the other was cut off.
    await expect.poll(() => unread.bytes(), { timeout: 10_000 }).toBeGreaterThan(400_000);
    for (const { socket } of silent) socket.resume();
    const ends = await Promise.all(
      silent.map(async ({ next }) => {
        for (;;) {
          const end = await next().then(
            ({ type }) => (type === 'complete' ? type : null),
            ({ message }: Error) => message,
          );
          if (end) return end;
        }
      }),
    );
    expect(ends.toSorted()).toEqual([expect.stringContaining('closed with 1006'), 'complete']);
  });
});
