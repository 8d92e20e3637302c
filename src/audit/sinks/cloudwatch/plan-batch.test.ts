import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aLogEntry, logEntries, testInstant } from '../../../../test/support/log-entries.ts';
import type { LogEntry } from '../../model/audit-event.ts';
import { type PlannedEvent, planBatch } from './plan-batch.ts';

const hourMs = 3_600_000;
const now = testInstant;
const at = (hours: number, ms = 0) => new Date(now.getTime() + hours * hourMs + ms);
const aged = (...hours: number[]) => hours.map((hour, index) => aLogEntry(index + 1, { sealedAt: at(hour) }));
const size = (events: readonly PlannedEvent[]) => events.reduce((sum, { message }) => sum + Buffer.byteLength(message) + 26, 0);

describe('planBatch', () => {
  it('carries the sealing time as the timestamp, and the occurrence in the body', () => {
    const entry = aLogEntry(3, { sealedAt: at(-1), timestamp: '2026-11-20T07:30:00.000Z' });
    const [event] = planBatch([entry], { now });
    expect(event).toMatchObject({ position: 3, timestamp: at(-1).getTime(), resent: false });
    expect(JSON.parse(event?.message ?? '')).toEqual({
      position: 3,
      sealedAt: at(-1).toISOString(),
      leafHash: entry.leafHash,
      ...entry.event,
    });
  });

  it('takes no more events than it is told to', () => {
    expect(planBatch(logEntries(1, 50), { now, maxEvents: 17 })).toHaveLength(17);
  });

  it('cannot come near 10,000 events, because 1 MB of even the smallest holds fewer', () => {
    const tiny = {
      previousState: null,
      newState: null,
      changes: [],
      metadata: {},
      description: '',
      resource: null,
      flagKey: null,
    };
    const entries = Array.from({ length: 10_000 }, (_, index) => aLogEntry(index + 1, tiny));
    const batch = planBatch(entries, { now, maxEvents: 1_000_000 });
    expect(batch.length).toBeLessThan(5000);
    expect(size(batch)).toBeLessThanOrEqual(1_048_576);
  });

  it('fills a batch to the byte, and leaves what is one byte too much', () => {
    const base = planBatch([aLogEntry(1, { description: '' })], { now });
    const room = 1_048_576 / 2 - size(base);
    const [half, more] = [aLogEntry(1, { description: 'x'.repeat(room) }), aLogEntry(2, { description: 'x'.repeat(room + 1) })];
    const exact = planBatch([half, aLogEntry(3, { description: 'x'.repeat(room) })], { now });
    expect([exact.length, size(exact)]).toEqual([2, 1_048_576]);
    expect(planBatch([half, more], { now })).toHaveLength(1);
  });

  it('cuts an event over 1 MB, so that it makes a batch of its own', () => {
    const [event, ...rest] = planBatch([aLogEntry(1, { newState: { text: '漢'.repeat(400_000) } }), aLogEntry(2)], { now });
    expect(JSON.parse(event?.message ?? '')).toMatchObject({ position: 1, truncated: true });
    expect(rest).toHaveLength(1);
  });

  it('spans 24 hours and no more', () => {
    expect(planBatch(aged(-24, -12, 0), { now })).toHaveLength(3);
    expect(planBatch([aLogEntry(1, { sealedAt: at(-24, -1) }), aLogEntry(2, { sealedAt: at(0) })], { now })).toHaveLength(1);
  });

  it('resends what is older than 14 days as of now, with the original in the body, apart from what is not', () => {
    const entries = aged(-15 * 24, -14 * 24, -13 * 24);
    const batch = planBatch(entries, { now });
    expect(batch.map(({ position, timestamp, resent }) => ({ position, timestamp, resent }))).toEqual([
      { position: 1, timestamp: now.getTime(), resent: true },
      { position: 2, timestamp: now.getTime(), resent: true },
    ]);
    expect(JSON.parse(batch[0]?.message ?? '')).toMatchObject({
      originalTimestamp: at(-15 * 24).toISOString(),
      resentAt: now.toISOString(),
      timestamp: at(-15 * 24).toISOString(),
    });
    expect(planBatch(entries.slice(2), { now })[0]).toMatchObject({ timestamp: at(-13 * 24).getTime(), resent: false });
  });

  it('resends what CloudWatch called too old', () => {
    const batch = planBatch(aged(-30, -30, -30), { now, tooOld: new Set([1, 2]) });
    expect(batch.map(({ position, resent }) => [position, resent])).toEqual([
      [1, true],
      [2, true],
    ]);
  });

  it('lets what is over two hours ahead wait, and all behind it', () => {
    expect(planBatch(aged(1, 2), { now })).toHaveLength(2);
    expect(planBatch([...aged(1), aLogEntry(2, { sealedAt: at(2, 1) })], { now })).toHaveLength(1);
    expect(planBatch([aLogEntry(1, { sealedAt: at(2, 1) }), aLogEntry(2, { sealedAt: at(0) })], { now })).toEqual([]);
  });

  it('reduces what CloudWatch refused', () => {
    const [whole, reduced] = planBatch(logEntries(1, 2), { now, refused: new Set([2]) }).map(({ message }) =>
      JSON.parse(message),
    );
    expect(whole).not.toHaveProperty('refused');
    expect(reduced).toMatchObject({ position: 2, refused: true, truncated: true });
  });

  it('keeps every limit and every entry, in order, whatever the log holds', () => {
    const shape = fc.record({
      stepMs: fc.oneof(fc.constant(0), fc.nat(60_000), fc.nat(40 * hourMs)),
      length: fc.oneof(fc.nat(2000), fc.nat(1_200_000)),
      text: fc.constantFrom('x', 'é', '漢', '🦊'),
    });
    fc.assert(
      fc.property(fc.array(shape, { minLength: 1, maxLength: 12 }), fc.nat(20 * 24), (shapes, startHoursAgo) => {
        let sealedAt = at(-startHoursAgo);
        const entries: LogEntry[] = shapes.map(({ stepMs, length, text }, index) => {
          sealedAt = new Date(sealedAt.getTime() + stepMs);
          return aLogEntry(index + 1, { sealedAt, description: text.repeat(length / text.length) });
        });
        let shipped = 0;
        for (;;) {
          const batch = planBatch(entries.slice(shipped), { now });
          if (batch.length === 0) break;
          const times = batch.map(({ timestamp }) => timestamp);
          expect(size(batch)).toBeLessThanOrEqual(1_048_576);
          expect(times).toEqual(times.toSorted((a, b) => a - b));
          expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual(24 * hourMs);
          expect(Math.min(...times)).toBeGreaterThan(at(-14 * 24).getTime());
          expect(Math.max(...times)).toBeLessThanOrEqual(at(2).getTime());
          expect(batch.map(({ message }) => JSON.parse(message).position)).toEqual(batch.map((_, index) => shipped + index + 1));
          shipped += batch.length;
        }
        const next = entries[shipped];
        if (next) expect(next.sealedAt.getTime()).toBeGreaterThan(at(2).getTime());
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
