import { describe, expect, it, vi } from 'vitest';
import { internalError, throttling } from './support/cloudwatch-server.ts';
import { dayMs, group, hourMs, puts, range, setUpShipping, stream } from './support/cloudwatch-shipping.ts';
import { aLogEntry, logEntries, testInstant } from './support/log-entries.ts';

describe('events that CloudWatch rejects for their age', () => {
  const old = (days: number, first: number, last: number) =>
    logEntries(first, last, new Date(testInstant.getTime() - days * dayMs));

  it('are sent as of now where they are older than 14 days, with the original in the body', async () => {
    const entries = [...old(20, 1, 3), ...old(14, 4, 4), ...old(13, 5, 6), ...logEntries(7, 8)];
    const { start, accepted, acceptedPositions, untilAccepted } = await setUpShipping({ entries });
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
    const { start, accepted, acceptedPositions, untilAccepted, server } = await setUpShipping({
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
    const { start, acceptedPositions, untilAccepted, passTime, server, accepted, lines } = await setUpShipping({
      entries: [...logEntries(1, 2), ...logEntries(3, 5, ahead)],
    });
    const runner = start();
    await untilAccepted(2);
    await vi.waitFor(() => expect(runner.status()).toMatchObject({ state: 'WAITING', lag: 3 }), { timeout: 20_000 });
    expect(puts(server)).toBe(1);
    passTime(hourMs - 1);
    await vi.waitFor(() => expect(runner.status().state).toBe('WAITING'), { timeout: 20_000 });
    expect(acceptedPositions()).toEqual([1, 2]);
    passTime(1);
    await untilAccepted(5);
    expect(acceptedPositions()).toEqual(range(1, 5));
    expect(accepted()[2]?.timestamp).toBe(ahead.getTime());
    expect(lines.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  it('are each dealt with where one call has too old, good and too new ones', async () => {
    const { start, acceptedPositions, untilAccepted, server } = await setUpShipping({ entries: logEntries(1, 10) });
    server.failNext(
      { kind: 'reject', rejections: { tooOldLogEventEndIndex: 2, expiredLogEventEndIndex: 3, tooNewLogEventStartIndex: 7 } },
      { kind: 'reject', rejections: {} },
    );
    server.failAlways({ kind: 'reject', rejections: { tooNewLogEventStartIndex: 0 } });
    const runner = start();
    await vi.waitFor(() => expect(runner.status()).toMatchObject({ state: 'WAITING', position: 7, lag: 3 }), { timeout: 20_000 });
    await untilAccepted(7);
    expect(acceptedPositions()).toEqual([4, 5, 6, 7, 1, 2, 3]);
    server.failAlways(null);
    await untilAccepted(10);
    expect(acceptedPositions()).toEqual([4, 5, 6, 7, 1, 2, 3, 8, 9, 10]);
  });

  it('are not lost, nor the accepted ones repeated, where sending them again fails for a while', async () => {
    const { start, acceptedPositions, untilAccepted, server, cursors } = await setUpShipping({ entries: logEntries(1, 6) });
    server.failNext({ kind: 'reject', rejections: { tooOldLogEventEndIndex: 2 } });
    server.failNext(throttling, throttling, internalError);
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(1), { timeout: 20_000 });
    expect(await cursors.read('cloudwatch')).toBeLessThan(7);
    await untilAccepted(6);
    expect(acceptedPositions()).toEqual([3, 4, 5, 6, 1, 2]);
  });

  it('make the sink fail loudly where even the current time is called too old', async () => {
    const { start, untilAccepted, server, acceptedPositions } = await setUpShipping({ entries: logEntries(1, 2) });
    server.failAlways({ kind: 'reject', rejections: { tooOldLogEventEndIndex: 2 } });
    const runner = start();
    await vi.waitFor(() => expect(runner.status().failures).toBeGreaterThan(2), { timeout: 20_000 });
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
    const { start, accepted, acceptedPositions, untilAccepted } = await setUpShipping({ entries });
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
    const { start, accepted, acceptedPositions, untilAccepted, server } = await setUpShipping({
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
    const { start, accepted, acceptedPositions, untilAccepted, cursors } = await setUpShipping({
      entries: logEntries(1, 8),
      // Its essentials at any time: a try may be between the two when the poison ends.
      refuse: (message) => message.includes('"position":5') && (isPoison || message.includes('"refused"')),
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
