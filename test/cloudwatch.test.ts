import { type CloudWatchLogsClient, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeCloudWatchClient } from '../src/adapters/cloudwatch/client.ts';
import { makeCloudWatchSink } from '../src/adapters/cloudwatch/cloudwatch-sink.ts';
import { makeSinkRunner } from '../src/audit/sink-runner.ts';
import type { LogEntry } from '../src/domain/audit-event.ts';
import {
  type CloudWatchServer,
  type Fault,
  internalError,
  startCloudWatchServer,
  throttling,
  unavailable,
} from './support/cloudwatch-server.ts';
import { aLogEntry, logEntries, makeMemoryLog, testInstant } from './support/log-entries.ts';
import { makeMemorySinkCursors } from './support/memory-sink-cursors.ts';

const [group, stream] = ['flagtrail', 'audit'];
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Its timeout bounds the wait for a call that hangs. On a machine under load an honest answer takes long, too. */
const clientOf = (server: CloudWatchServer, requestTimeoutMs = 20_000): CloudWatchLogsClient =>
  makeCloudWatchClient({
    endpoint: server.url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestTimeoutMs,
  });

/** A CloudWatch, a log, and a clock that all of them share. */
const setUp = async ({
  entries = [],
  refuse,
  ready = true,
  requestTimeoutMs,
}: {
  entries?: LogEntry[];
  refuse?: (message: string) => boolean;
  ready?: boolean;
  requestTimeoutMs?: number;
} = {}) => {
  let nowMs = testInstant.getTime();
  const clock = { now: () => new Date(nowMs) };
  const server = await startCloudWatchServer({ now: clock.now, refuse });
  cleanUps.push(() => server[Symbol.asyncDispose]());
  if (ready) {
    server.createGroup(group);
    server.createStream(group, stream);
  }
  const [log, cursors] = [makeMemoryLog(entries), makeMemorySinkCursors()];
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });

  /** A process that ships. */
  const start = (holder = 'a') => {
    const sink = makeCloudWatchSink({
      client: clientOf(server, requestTimeoutMs),
      logGroup: group,
      logStream: stream,
      clock,
      logger,
    });
    const runner = makeSinkRunner({
      sink,
      log,
      cursors,
      logger,
      holder,
      random: () => 0,
      pollMs: 20,
      leaseMs: 5000,
      backoff: { firstMs: 10, maxMs: 40 },
    });
    cleanUps.push(() => runner.stop({ deadlineMs: 0 }));
    runner.start();
    return runner;
  };
  const accepted = () => server.accepted(group, stream).map((event) => ({ ...event, body: JSON.parse(event.message) }));
  const acceptedPositions = (): number[] => accepted().map(({ body }) => body.position);
  const untilAccepted = (last: number) =>
    vi.waitFor(async () => expect(await cursors.read('cloudwatch')).toBe(last), { timeout: 20_000 });
  const passTime = (ms: number) => {
    nowMs += ms;
  };
  return { server, log, cursors, clock, lines, start, accepted, acceptedPositions, untilAccepted, passTime, logger };
};
const range = (first: number, last: number) => logEntries(first, last).map(({ position }) => position);
const puts = (server: CloudWatchServer) => server.calls.filter((call) => call === 'PutLogEvents').length;

describe('shipping to CloudWatch Logs', () => {
  it('sends every entry once, in order, whole, with the sealing time as the timestamp', async () => {
    const entries = [
      ...logEntries(1, 1499, new Date(testInstant.getTime() - hourMs)),
      aLogEntry(1500, { description: 'größer 漢字 🦊' }),
    ];
    const { start, accepted, untilAccepted, server } = await setUp({ entries });
    start();
    await untilAccepted(1500);
    expect(accepted().map(({ body }) => body)).toEqual(
      entries.map(({ position, sealedAt, event }) => ({ position, sealedAt: sealedAt.toISOString(), ...event })),
    );
    expect(accepted().map(({ timestamp }) => timestamp)).toEqual(entries.map(({ sealedAt }) => sealedAt.getTime()));
    expect(puts(server)).toBeLessThanOrEqual(4);
  });

  it('keeps the size limit with events that fill several calls', async () => {
    const entries = range(1, 30).map((position) => aLogEntry(position, { description: '漢'.repeat(position * 7000) }));
    const { start, acceptedPositions, untilAccepted, server } = await setUp({ entries });
    start();
    await untilAccepted(30);
    expect(acceptedPositions()).toEqual(range(1, 30));
    expect(puts(server)).toBeGreaterThan(9);
  });

  it('makes the log group and the stream where they are missing', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUp({ entries: logEntries(1, 3), ready: false });
    start();
    await untilAccepted(3);
    expect(acceptedPositions()).toEqual([1, 2, 3]);
    expect(server.calls).toEqual(['PutLogEvents', 'CreateLogStream', 'CreateLogGroup', 'CreateLogStream', 'PutLogEvents']);
  });

  it('makes only the stream where the group exists', async () => {
    const { start, untilAccepted, server } = await setUp({ entries: logEntries(1, 3), ready: false });
    server.createGroup(group);
    start();
    await untilAccepted(3);
    expect(server.calls).toEqual(['PutLogEvents', 'CreateLogStream', 'PutLogEvents']);
  });
});

describe('when CloudWatch is out of order', () => {
  it('waits while it refuses connections, and then ships everything', async () => {
    const { start, acceptedPositions, untilAccepted, server, log, lines } = await setUp({ entries: logEntries(1, 5) });
    await server.goDown();
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(5));
    expect(runner.status()).toMatchObject({ state: 'FAILING', lag: 5, lastError: expect.stringContaining('ECONNREFUSED') });
    log.append(...logEntries(6, 9));
    await server.comeBack();
    await untilAccepted(9);
    expect(acceptedPositions()).toEqual(range(1, 9));
    await vi.waitFor(() => expect(runner.status()).toMatchObject({ state: 'SHIPPING', lag: 0, lastError: null }));
    expect(lines.filter(({ level }) => level === 50)).toHaveLength(1);
  });

  it.each<[string, Fault, string]>([
    ['throttles', throttling, 'ThrottlingException'],
    ['fails inside', internalError, 'InternalFailure'],
    ['is unavailable', unavailable, 'ServiceUnavailableException'],
    ['denies access', { kind: 'error', status: 400, code: 'AccessDeniedException' }, 'AccessDeniedException'],
    ['does not know the key', { kind: 'error', status: 400, code: 'UnrecognizedClientException' }, 'UnrecognizedClientException'],
    ['cuts the connection', { kind: 'cut' }, 'Error'],
  ])('drops nothing, and sends nothing twice, while it %s', async (_what, fault, error) => {
    const { start, acceptedPositions, untilAccepted, server } = await setUp({ entries: logEntries(1, 2500) });
    server.failAlways(fault);
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(3));
    expect(runner.status().lastError).toContain(error);
    server.failAlways(null);
    await untilAccepted(2500);
    expect(acceptedPositions()).toEqual(range(1, 2500));
  });

  it('ships everything once where it throttles every other call', async () => {
    const entries = range(1, 40).map((position) => aLogEntry(position, { description: 'x'.repeat(200_000) }));
    const { start, acceptedPositions, untilAccepted, server } = await setUp({ entries });
    server.failNext(
      throttling,
      { kind: 'slow', until: Promise.resolve() },
      throttling,
      { kind: 'slow', until: Promise.resolve() },
      internalError,
    );
    start();
    await untilAccepted(40);
    expect(acceptedPositions()).toEqual(range(1, 40));
    expect(puts(server)).toBe(40 / 5 + 3);
  });

  it('gives up on a call that hangs, and sends it again', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUp({
      entries: logEntries(1, 3),
      requestTimeoutMs: 1500,
    });
    server.failNext({ kind: 'hang' });
    const runner = start();
    await untilAccepted(3);
    expect(acceptedPositions()).toEqual([1, 2, 3]);
    expect(runner.status()).toMatchObject({ failures: 1, delivered: 3 });
  });

  it.each<Fault['kind']>(['accept, then hang', 'accept, then cut'])(
    'repeats, in order and with the same ids, what it accepted without saying so (%s)',
    async (kind) => {
      const { start, accepted, acceptedPositions, untilAccepted, server, log } = await setUp({
        entries: logEntries(1, 3),
        requestTimeoutMs: 1500,
      });
      if (kind !== 'accept, then hang' && kind !== 'accept, then cut') throw new Error(kind);
      server.failNext({ kind });
      start();
      await untilAccepted(3);
      log.append(...logEntries(4, 5));
      await untilAccepted(5);
      expect(acceptedPositions()).toEqual([1, 2, 3, 1, 2, 3, 4, 5]);
      const ids = accepted().map(({ body }) => body.id);
      expect(ids.slice(3, 6)).toEqual(ids.slice(0, 3));
    },
  );

  it('keeps what was accepted before a later call of the same delivery failed', async () => {
    const entries = range(1, 12).map((position) => aLogEntry(position, { description: 'x'.repeat(200_000) }));
    const { start, acceptedPositions, untilAccepted, server, cursors } = await setUp({ entries });
    const slow: Fault = { kind: 'slow', until: Promise.resolve() };
    server.failNext(slow, ...Array.from({ length: 5 }, () => throttling));
    start();
    await vi.waitFor(async () => expect(await cursors.read('cloudwatch')).toBe(5));
    await untilAccepted(12);
    expect(acceptedPositions()).toEqual(range(1, 12));
  });
});

describe('events that CloudWatch rejects for their age', () => {
  const old = (days: number, first: number, last: number) =>
    logEntries(first, last, new Date(testInstant.getTime() - days * dayMs));

  it('are sent as of now where they are older than 14 days, with the original in the body', async () => {
    const entries = [...old(20, 1, 3), ...old(14, 4, 4), ...old(13, 5, 6), ...logEntries(7, 8)];
    const { start, accepted, acceptedPositions, untilAccepted } = await setUp({ entries });
    start();
    await untilAccepted(8);
    expect(acceptedPositions()).toEqual(range(1, 8));
    const sealed = (position: number) => entries[position - 1]?.sealedAt;
    expect(accepted().map(({ timestamp }) => timestamp)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((position) => (position < 5 ? testInstant : sealed(position))?.getTime()),
    );
    expect(accepted()[0]?.body).toMatchObject({
      originalTimestamp: sealed(1)?.toISOString(),
      sealedAt: sealed(1)?.toISOString(),
      resentAt: testInstant.toISOString(),
    });
    expect(accepted()[4]?.body).not.toHaveProperty('resentAt');
  });

  it('are sent as of now where the group does not keep them that long; what was accepted is not sent again', async () => {
    const { start, accepted, acceptedPositions, untilAccepted, server } = await setUp({
      ready: false,
      entries: [
        ...logEntries(1, 4, new Date(testInstant.getTime() - 3 * dayMs - 1)),
        ...logEntries(5, 9, new Date(testInstant.getTime() - 3 * dayMs)),
      ],
    });
    server.createGroup(group, { retentionDays: 3 });
    server.createStream(group, stream);
    start();
    await untilAccepted(9);
    expect(acceptedPositions()).toEqual([5, 6, 7, 8, 9, 1, 2, 3, 4]);
    expect(accepted().at(-1)).toMatchObject({
      timestamp: testInstant.getTime(),
      body: { originalTimestamp: new Date(testInstant.getTime() - 3 * dayMs - 1).toISOString() },
    });
  });

  it('wait where they are over two hours ahead, hold back those behind them, and go once it is time', async () => {
    const ahead = new Date(testInstant.getTime() + 3 * hourMs);
    const { start, acceptedPositions, untilAccepted, passTime, server, accepted, lines } = await setUp({
      entries: [...logEntries(1, 2), ...logEntries(3, 5, ahead)],
    });
    const runner = start();
    await untilAccepted(2);
    await vi.waitFor(() => expect(runner.status()).toMatchObject({ state: 'WAITING', lag: 3 }));
    expect(puts(server)).toBe(1);
    passTime(hourMs - 1);
    await vi.waitFor(() => expect(runner.status().state).toBe('WAITING'));
    expect(acceptedPositions()).toEqual([1, 2]);
    passTime(1);
    await untilAccepted(5);
    expect(acceptedPositions()).toEqual(range(1, 5));
    expect(accepted()[2]?.timestamp).toBe(ahead.getTime());
    expect(lines.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  it('are each dealt with where one call has too old, good and too new ones', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUp({ entries: logEntries(1, 10) });
    server.failNext(
      { kind: 'reject', rejections: { tooOldLogEventEndIndex: 2, expiredLogEventEndIndex: 3, tooNewLogEventStartIndex: 7 } },
      { kind: 'reject', rejections: {} },
    );
    server.failAlways({ kind: 'reject', rejections: { tooNewLogEventStartIndex: 0 } });
    const runner = start();
    await vi.waitFor(() => expect(runner.status()).toMatchObject({ state: 'WAITING', position: 7, lag: 3 }));
    await untilAccepted(7);
    expect(acceptedPositions()).toEqual([4, 5, 6, 7, 1, 2, 3]);
    server.failAlways(null);
    await untilAccepted(10);
    expect(acceptedPositions()).toEqual([4, 5, 6, 7, 1, 2, 3, 8, 9, 10]);
  });

  it('are not lost, nor the accepted ones repeated, where sending them again fails for a while', async () => {
    const { start, acceptedPositions, untilAccepted, server, cursors } = await setUp({ entries: logEntries(1, 6) });
    server.failNext({ kind: 'reject', rejections: { tooOldLogEventEndIndex: 2 } });
    server.failNext(throttling, throttling, internalError);
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(1));
    expect(await cursors.read('cloudwatch')).toBeLessThan(7);
    await untilAccepted(6);
    expect(acceptedPositions()).toEqual([3, 4, 5, 6, 1, 2]);
  });

  it('make the sink fail loudly where even the current time is called too old', async () => {
    const { start, untilAccepted, server, acceptedPositions } = await setUp({ entries: logEntries(1, 2) });
    server.failAlways({ kind: 'reject', rejections: { tooOldLogEventEndIndex: 2 } });
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(2));
    expect(runner.status()).toMatchObject({ state: 'FAILING', position: 0, lastError: expect.stringContaining('position 1') });
    server.failAlways(null);
    await untilAccepted(2);
    expect(acceptedPositions()).toEqual([1, 2]);
  });
});

describe('events that CloudWatch cannot take as they are', () => {
  it('are cut with a mark where they are over 1 MB, between whole neighbours', async () => {
    const entries = [
      aLogEntry(1),
      aLogEntry(2, { newState: { text: 'ä'.repeat(600_000) } }),
      aLogEntry(3, { description: '🦊'.repeat(400_000) }),
      aLogEntry(4),
    ];
    const { start, accepted, acceptedPositions, untilAccepted } = await setUp({ entries });
    start();
    await untilAccepted(4);
    expect(acceptedPositions()).toEqual([1, 2, 3, 4]);
    const [first, second, third, fourth] = accepted().map(({ body }) => body);
    expect(second).toMatchObject({
      id: entries[1]?.event.id,
      truncated: true,
      originalBytes: expect.any(Number),
      newState: null,
      metadata: entries[1]?.event.metadata,
    });
    expect(second.originalBytes).toBeGreaterThan(1_200_000);
    expect(third.description).toMatch(/^(🦊)+…$/u);
    expect([first, fourth].filter((body) => 'truncated' in body)).toEqual([]);
  });

  it('are found among a thousand, and sent as their essentials, when refused for a reason of its own', async () => {
    const entries = logEntries(1, 1000).map((entry) =>
      entry.position === 617 ? aLogEntry(617, { metadata: { poison: true } }) : entry,
    );
    const { start, accepted, acceptedPositions, untilAccepted, server } = await setUp({
      entries,
      refuse: (message) => message.includes('poison') && !message.includes('"refused":true'),
    });
    start();
    await untilAccepted(1000);
    expect(acceptedPositions()).toEqual(range(1, 1000));
    expect(
      accepted()
        .filter(({ body }) => body.truncated)
        .map(({ body }) => [body.position, body.refused, body.id]),
    ).toEqual([[617, true, entries[616]?.event.id]]);
    expect(puts(server)).toBeLessThan(40);
  });

  it('hold up the sink loudly, and are not dropped, where not even their essentials are taken', async () => {
    let isPoison = true;
    const { start, accepted, acceptedPositions, untilAccepted, cursors } = await setUp({
      entries: logEntries(1, 8),
      refuse: (message) => isPoison && message.includes('"position":5'),
    });
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(2), { timeout: 10_000 });
    expect(runner.status()).toMatchObject({
      state: 'FAILING',
      position: 4,
      lag: 4,
      lastError: expect.stringContaining('InvalidParameterException'),
    });
    expect(await cursors.read('cloudwatch')).toBe(4);
    isPoison = false;
    await untilAccepted(8);
    expect(acceptedPositions()).toEqual(range(1, 8));
    expect(accepted()[4]?.body).not.toHaveProperty('refused');
  });
});

describe('processes that ship to CloudWatch Logs', () => {
  it('go on where the one before stopped', async () => {
    const { start, acceptedPositions, untilAccepted, log } = await setUp({ entries: logEntries(1, 5) });
    const before = start('before');
    await untilAccepted(5);
    await before.stop();
    log.append(...logEntries(6, 9));
    start('after');
    await untilAccepted(9);
    expect(acceptedPositions()).toEqual(range(1, 9));
  });

  it('take turns by one lease: nothing is sent twice while entries flow', async () => {
    const { start, acceptedPositions, untilAccepted, log } = await setUp();
    const runners = [start('a'), start('b')];
    for (let first = 1; first <= 400; first += 20) {
      log.append(...logEntries(first, first + 19));
      for (const runner of runners) runner.wake();
      await untilAccepted(first + 19);
    }
    expect(acceptedPositions()).toEqual(range(1, 400));
  });

  it('stop in the middle of a call that hangs, and leave the rest to the next', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUp({ entries: logEntries(1, 3) });
    server.failNext({ kind: 'hang' });
    const runner = start('a');
    await vi.waitFor(() => expect(puts(server)).toBe(1));
    await runner.stop({ deadlineMs: 0 });
    expect(acceptedPositions()).toEqual([]);
    start('b');
    await untilAccepted(3);
    expect(acceptedPositions()).toEqual([1, 2, 3]);
  });
});

describe('the test server enforces PutLogEvents’ rules', () => {
  const nowMs = testInstant.getTime();
  const put = async (logEvents: { timestamp: number; message: string }[], names: object = {}) => {
    const { server } = await setUp();
    const client = clientOf(server);
    cleanUps.push(async () => client.destroy());
    return client.send(new PutLogEventsCommand({ logGroupName: group, logStreamName: stream, logEvents, ...names }));
  };
  const events = (...timestamps: number[]) => timestamps.map((timestamp) => ({ timestamp, message: 'm' }));

  it.each<[string, { timestamp: number; message: string }[], object, string]>([
    ['an empty batch', [], {}, 'InvalidParameterException'],
    ['an empty message', [{ timestamp: nowMs, message: '' }], {}, 'InvalidParameterException'],
    ['10,001 events', events(...Array.from({ length: 10_001 }, () => nowMs)), {}, 'InvalidParameterException'],
    ['an event over 1 MB', [{ timestamp: nowMs, message: 'é'.repeat((1_048_576 - 26) / 2 + 1) }], {}, 'Log event too large'],
    [
      'a batch over 1 MB',
      [0, 1].map(() => ({ timestamp: nowMs, message: 'x'.repeat(1_048_576 / 2 - 25) })),
      {},
      'Upload too large',
    ],
    ['events out of order', events(nowMs, nowMs - 1), {}, 'chronological'],
    ['a span over 24 hours', events(nowMs - dayMs - 1, nowMs), {}, '24 hours'],
    ['an unknown group', events(nowMs), { logGroupName: 'other' }, 'ResourceNotFoundException'],
    ['an unknown stream', events(nowMs), { logStreamName: 'other' }, 'ResourceNotFoundException'],
    ['a name that is none', events(nowMs), { logStreamName: 'a:b' }, 'InvalidParameterException'],
  ])('refuses %s', async (_what, logEvents, names, error) => {
    const failure: unknown = await put(logEvents, names).catch((reason: unknown) => reason);
    expect(String(failure)).toContain(error);
  });

  it('accepts what just fits, and rejects by age while the call succeeds', async () => {
    const [full, widest] = [
      [0, 1].map(() => ({ timestamp: nowMs, message: 'x'.repeat(1_048_576 / 2 - 26) })),
      events(nowMs - dayMs, nowMs),
    ];
    expect((await put(full)).rejectedLogEventsInfo).toBeUndefined();
    expect((await put(widest)).rejectedLogEventsInfo).toBeUndefined();
    const ages = await put(events(nowMs - 14 * dayMs - 1, nowMs - 1, nowMs + 2 * hourMs, nowMs + 2 * hourMs + 1));
    expect(ages.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 3 });
  });

  it('refuses a call that is not signed', async () => {
    const { server } = await setUp();
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Logs_20140328.PutLogEvents' };
    const response = await fetch(server.url, { method: 'POST', headers, body: '{}' });
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ __type: 'MissingAuthenticationTokenException' }),
    ]);
  });
});
