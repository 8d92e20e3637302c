import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { aLogEntry, logEntries } from '../../../test/support/log-entries.ts';
import { type LogEntry, toWire } from '../model/audit-event.ts';
import { matchesFilter } from '../model/audit-filter.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import { type ExportEvents, type ExportProgress, makeExportEvents } from './export-events.ts';

/** A log in memory that keeps account of the pages that were asked of it. */
const logOf = (entries: LogEntry[]) => {
  const pages: number[] = [];
  const log: Pick<AuditLog, 'list' | 'size'> = {
    size: async () => entries.at(-1)?.position ?? 0,
    list: async (filter, { after = 0, before = Number.POSITIVE_INFINITY, limit, inverted }) => {
      pages.push(limit);
      const found = entries.filter(
        ({ position, event }) => position > after && position < before && matchesFilter(event, filter),
      );
      return (inverted ? found.toReversed() : found).slice(0, limit);
    },
  };
  return { log, pages };
};

const collect = async (entries: LogEntry[], what: Partial<ExportEvents> = {}) => {
  const { log, pages } = logOf(entries);
  const progress: ExportProgress[] = [];
  let text = '';
  const options = { onProgress: (made: ExportProgress) => progress.push(made), signal: new AbortController().signal };
  for await (const part of makeExportEvents({ log })({ filter: {}, newestFirst: false, ...what }, options)) text += part;
  const lines = text.split('\n').slice(0, -1);
  return { text, positions: lines.map((line): number => JSON.parse(line).position), progress, pages };
};

describe('an export of events', () => {
  const entries = logEntries(1, 2500);

  it('writes each event on a line, in its wire form', async () => {
    const { text } = await collect(entries.slice(0, 2));
    expect(text).toBe(`${JSON.stringify(toWire(aLogEntry(1)))}\n${JSON.stringify(toWire(aLogEntry(2)))}\n`);
  });

  it.each<[string, Partial<ExportEvents>, first: number, last: number, count: number]>([
    ['everything, oldest first', {}, 1, 2500, 2500],
    ['everything, newest first', { newestFirst: true }, 2500, 1, 2500],
    ['what comes after a position', { after: 1700 }, 1701, 2500, 800],
    ['what comes after a position downwards', { after: 1700, newestFirst: true }, 1699, 1, 1699],
    ['so many', { limit: 1234 }, 1, 1234, 1234],
    ['so many of the newest', { limit: 1, newestFirst: true }, 2500, 2500, 1],
  ])('gives %s', async (_what, options, first, last, count) => {
    const { positions, progress } = await collect(entries, options);
    expect([positions.length, positions[0], positions.at(-1)]).toEqual([count, first, last]);
    expect(new Set(positions).size).toBe(count);
    expect(positions).toEqual(positions.toSorted((a, b) => (options.newestFirst ? b - a : a - b)));
    expect(progress.at(-1)).toMatchObject({ events: count, first, last });
    const shares = progress.map(({ share }) => share);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBeGreaterThan(0.99);
    expect(shares.at(-1)).toBeLessThanOrEqual(1);
  });

  it.each([{ after: 2500 }, { after: 9999 }, { after: 0, newestFirst: true }, { filter: { actorId: 'nobody' } }])(
    'gives nothing where there is nothing: %j',
    async (options) => {
      expect(await collect(entries, options)).toMatchObject({ text: '', progress: [] });
    },
  );

  it('ends with what was in the log at its start, however fast that grows', async () => {
    const growing = logEntries(1, 300);
    const { log } = logOf(growing);
    let lines = 0;
    const options = { onProgress: () => {}, signal: new AbortController().signal };
    for await (const page of makeExportEvents({ log })({ filter: {}, newestFirst: false }, options)) {
      lines += page.split('\n').length - 1;
      growing.push(...logEntries(growing.length + 1, growing.length + 1000));
      if (lines > 2000) break;
    }
    expect(lines).toBe(300);
  });

  it('asks for the next page only when the last one was taken: a slow reader costs the memory of one page', async () => {
    const { log, pages } = logOf(logEntries(1, 5000));
    let taken = 0;
    const ahead: number[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      decodeStrings: false,
      write: (_chunk, _encoding, done) => {
        ahead.push(pages.length - taken);
        setImmediate(() => {
          taken++;
          done();
        });
      },
    });
    const options = { onProgress: () => {}, signal: new AbortController().signal };
    await pipeline(makeExportEvents({ log })({ filter: {}, newestFirst: false }, options), slow);
    expect(ahead.length).toBeGreaterThan(5);
    expect(Math.max(...ahead)).toBe(1);
  });

  it('asks for smaller pages of larger entries', async () => {
    const large = Array.from({ length: 150 }, (_, index) => aLogEntry(index + 1, { newState: { text: 'x'.repeat(100_000) } }));
    const { pages, positions } = await collect(large);
    expect(positions).toHaveLength(150);
    expect(pages[0]).toBe(100);
    expect(Math.max(...pages.slice(1))).toBeLessThan(45);
    expect((await collect(entries)).pages.slice(1)).toEqual([1000, 1000, 1000]);
  });
});
