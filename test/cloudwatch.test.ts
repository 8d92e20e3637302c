import { describe, expect, it, vi } from 'vitest';
import { toWire } from '../src/audit/model/audit-event.ts';
import { type Fault, internalError, throttling, unavailable } from './support/cloudwatch-server.ts';
import { group, hourMs, puts, range, setUpShipping, stream } from './support/cloudwatch-shipping.ts';
import { aLogEntry, logEntries, testInstant } from './support/log-entries.ts';

describe('shipping to CloudWatch Logs', () => {
  it('sends every entry once, in order, whole, with the sealing time as the timestamp', async () => {
    const entries = [
      ...logEntries(1, 1499, new Date(testInstant.getTime() - hourMs)),
      aLogEntry(1500, { description: 'größer 漢字 🦊' }),
    ];
    const { start, accepted, untilAccepted, server } = await setUpShipping({ entries });
    start();
    await untilAccepted(1500);
    expect(accepted().map(({ body }) => body)).toEqual(entries.map(toWire));
    expect(accepted().map(({ timestamp }) => timestamp)).toEqual(entries.map(({ sealedAt }) => sealedAt.getTime()));
    expect(puts(server)).toBeLessThanOrEqual(4);
  });

  it('keeps the size limit with events that fill several calls', async () => {
    const entries = range(1, 30).map((position) => aLogEntry(position, { description: '漢'.repeat(position * 7000) }));
    const { start, accepted, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries });
    start();
    await untilAccepted(30);
    expect(acceptedPositions()).toEqual(range(1, 30));
    // No call was refused: each brought something.
    expect(new Set(accepted().map(({ call }) => call)).size).toBe(puts(server));
    expect(puts(server)).toBeGreaterThan(9);
  });

  it('makes the log group and the stream where they are missing', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries: logEntries(1, 3), ready: false });
    start();
    await untilAccepted(3);
    expect(acceptedPositions()).toEqual([1, 2, 3]);
    expect(server.calls).toEqual(['PutLogEvents', 'CreateLogStream', 'CreateLogGroup', 'CreateLogStream', 'PutLogEvents']);
  });

  it('makes only the stream where the group exists', async () => {
    const { start, untilAccepted, server } = await setUpShipping({ entries: logEntries(1, 3), ready: false });
    server.createGroup(group);
    start();
    await untilAccepted(3);
    expect(server.calls).toEqual(['PutLogEvents', 'CreateLogStream', 'PutLogEvents']);
  });

  it('goes on with a group and a stream that another process has made just before it', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries: logEntries(1, 3), ready: false });
    server.beforeNext('CreateLogGroup', () => {
      server.createGroup(group);
      server.createStream(group, stream);
    });
    const runner = start();
    await untilAccepted(3);
    expect(acceptedPositions()).toEqual([1, 2, 3]);
    expect(server.calls).toEqual(['PutLogEvents', 'CreateLogStream', 'CreateLogGroup', 'CreateLogStream', 'PutLogEvents']);
    expect(runner.status().failures).toBe(0);
  });
});

describe('when CloudWatch is out of order', () => {
  it('waits while it refuses connections, and then ships everything', async () => {
    const { start, acceptedPositions, untilAccepted, server, log, lines } = await setUpShipping({ entries: logEntries(1, 5) });
    await server.goDown();
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(5), { timeout: 20_000 });
    expect(runner.status()).toMatchObject({ state: 'FAILING', lag: 5, lastError: expect.stringContaining('ECONNREFUSED') });
    log.append(...logEntries(6, 9));
    await server.comeBack();
    await untilAccepted(9);
    expect(acceptedPositions()).toEqual(range(1, 9));
    await vi.waitFor(() => expect(runner.status()).toMatchObject({ state: 'SHIPPING', lag: 0, lastError: null }), {
      timeout: 20_000,
    });
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
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries: logEntries(1, 2500) });
    server.failAlways(fault);
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(3), { timeout: 20_000 });
    expect(runner.status().lastError).toContain(error);
    server.failAlways(null);
    await untilAccepted(2500);
    expect(acceptedPositions()).toEqual(range(1, 2500));
  });

  it('ships everything once where it throttles every other call', async () => {
    const entries = range(1, 40).map((position) => aLogEntry(position, { description: 'x'.repeat(200_000) }));
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries });
    server.failNext(throttling, { kind: 'none' }, throttling, { kind: 'none' }, internalError);
    start();
    await untilAccepted(40);
    expect(acceptedPositions()).toEqual(range(1, 40));
    expect(puts(server)).toBe(40 / 5 + 3);
  });

  it('gives up on a call that hangs, and sends it again', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({
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
      const { start, accepted, acceptedPositions, untilAccepted, server, log } = await setUpShipping({
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
    const { start, acceptedPositions, untilAccepted, server, cursors } = await setUpShipping({ entries });
    const fine: Fault = { kind: 'none' };
    server.failNext(fine, ...Array.from({ length: 5 }, () => throttling));
    start();
    await vi.waitFor(async () => expect(await cursors.read('cloudwatch')).toBe(5), { timeout: 20_000 });
    await untilAccepted(12);
    expect(acceptedPositions()).toEqual(range(1, 12));
  });
});

describe('processes that ship to CloudWatch Logs', () => {
  it('go on where the one before stopped', async () => {
    const { start, acceptedPositions, untilAccepted, log } = await setUpShipping({ entries: logEntries(1, 5) });
    const before = start('before');
    await untilAccepted(5);
    await before.stop();
    log.append(...logEntries(6, 9));
    start('after');
    await untilAccepted(9);
    expect(acceptedPositions()).toEqual(range(1, 9));
  });

  it('take turns by one lease: nothing is sent twice while entries flow', async () => {
    const { start, acceptedPositions, untilAccepted, log } = await setUpShipping();
    const runners = [start('a'), start('b')];
    for (let first = 1; first <= 400; first += 20) {
      log.append(...logEntries(first, first + 19));
      for (const runner of runners) runner.wake();
      await untilAccepted(first + 19);
    }
    expect(acceptedPositions()).toEqual(range(1, 400));
  });

  it('stop only once the running call has been answered, if that takes no longer than the deadline', async () => {
    const { start, acceptedPositions, server, cursors } = await setUpShipping({ entries: logEntries(1, 3) });
    const answer = Promise.withResolvers<void>();
    server.failNext({ kind: 'slow', until: answer.promise });
    const runner = start();
    await vi.waitFor(() => expect(puts(server)).toBe(1), { timeout: 20_000 });
    const stopped = runner.stop({ deadlineMs: 20_000 });
    answer.resolve();
    await stopped;
    expect([acceptedPositions(), await cursors.read('cloudwatch')]).toEqual([[1, 2, 3], 3]);
  });

  it('stop in the middle of a call that hangs, and leave the rest to the next', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries: logEntries(1, 3) });
    server.failNext({ kind: 'hang' });
    const runner = start('a');
    await vi.waitFor(() => expect(puts(server)).toBe(1), { timeout: 20_000 });
    await runner.stop({ deadlineMs: 0 });
    expect(acceptedPositions()).toEqual([]);
    start('b');
    await untilAccepted(3);
    expect(acceptedPositions()).toEqual([1, 2, 3]);
  });
});
