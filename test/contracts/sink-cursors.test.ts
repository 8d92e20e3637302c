import { describe, expect, it } from 'vitest';
import type { SinkCursors } from '../../src/audit/ports/event-sink.ts';
import { makePrismaSinkCursors } from '../../src/audit/store/sink-cursors.ts';
import { databases } from '../support/databases.ts';
import { makeMemorySinkCursors } from '../support/memory-sink-cursors.ts';

type Made = {
  cursors: SinkCursors;
  lastError: (name: string) => Promise<string | null>;
  /** Lets the lease of a sink run out. */
  runOut: (name: string) => Promise<void>;
};
const inMemory = {
  kind: 'memory',
  make: async (): Promise<Made> => {
    let nowMs = 0;
    const cursors = makeMemorySinkCursors({ nowMs: () => nowMs });
    const runOut = async () => {
      nowMs += leaseMs;
    };
    return { cursors, lastError: async (name) => cursors.lastError(name), runOut };
  },
};
const inDatabases = databases.map(({ kind, createDatabase }) => ({
  kind,
  make: async (): Promise<Made> => {
    const { database, sql } = await createDatabase();
    return {
      cursors: makePrismaSinkCursors({ prisma: database.prisma }),
      lastError: async (name) => {
        const [row] = await sql<{ last_error: string | null }>('SELECT last_error FROM sink_cursors WHERE name = $1', [name]);
        return row?.last_error ?? null;
      },
      runOut: async (name) => {
        await sql('UPDATE sink_cursors SET lease_until = clock_timestamp() WHERE name = $1', [name]);
      },
    };
  },
}));
const leaseMs = 60_000;

describe.each([inMemory, ...inDatabases])('SinkCursors on $kind', ({ make }) => {
  it('starts a sink at 0, and keeps what was saved', async () => {
    const { cursors } = await make();
    expect(await cursors.read('s')).toBe(0);
    expect(await cursors.acquire('s', 'a', leaseMs)).toEqual({ held: true, position: 0 });
    expect(await cursors.save('s', 'a', 5_000_000_000)).toBe(true);
    expect(await cursors.read('s')).toBe(5_000_000_000);
    expect(await cursors.acquire('s', 'a', leaseMs)).toEqual({ held: true, position: 5_000_000_000 });
    expect(await cursors.read('t')).toBe(0);
  });

  it('gives a lease to one holder at a time, and tells the others how far the sink is', async () => {
    const { cursors } = await make();
    await cursors.acquire('s', 'a', leaseMs);
    await cursors.save('s', 'a', 7);
    expect(await cursors.acquire('s', 'b', leaseMs)).toEqual({ held: false, position: 7 });
    expect(await cursors.acquire('t', 'b', leaseMs)).toEqual({ held: true, position: 0 });
    await cursors.release('s', 'b');
    expect(await cursors.acquire('s', 'b', leaseMs)).toEqual({ held: false, position: 7 });
    await cursors.release('s', 'a');
    expect(await cursors.acquire('s', 'b', leaseMs)).toEqual({ held: true, position: 7 });
  });

  it('gives a lease that ran out to the next who asks, unless it was renewed', async () => {
    const { cursors, runOut } = await make();
    await cursors.acquire('s', 'a', leaseMs);
    await runOut('s');
    expect(await cursors.renew('s', 'a', leaseMs)).toBe(true);
    expect((await cursors.acquire('s', 'b', leaseMs)).held).toBe(false);
    await runOut('s');
    expect((await cursors.acquire('s', 'b', leaseMs)).held).toBe(true);
    expect(await cursors.renew('s', 'a', leaseMs)).toBe(false);
    expect((await cursors.acquire('s', 'a', leaseMs)).held).toBe(false);
  });

  it('lets nobody but the holder move the cursor, and nobody move it back', async () => {
    const { cursors, runOut } = await make();
    await cursors.acquire('s', 'a', leaseMs);
    await cursors.save('s', 'a', 10);
    await runOut('s');
    await cursors.acquire('s', 'b', leaseMs);
    await cursors.save('s', 'b', 20);
    expect(await cursors.save('s', 'a', 15)).toBe(false);
    expect(await cursors.save('s', 'a', 25)).toBe(false);
    expect(await cursors.save('s', 'b', 18)).toBe(true);
    expect(await cursors.read('s')).toBe(20);
  });

  it('keeps the holder’s last error until something is saved', async () => {
    const { cursors, lastError } = await make();
    await cursors.acquire('s', 'a', leaseMs);
    await cursors.saveError('s', 'b', 'not the holder');
    expect(await lastError('s')).toBeNull();
    await cursors.saveError('s', 'a', 'ThrottlingException: slow down');
    expect(await lastError('s')).toBe('ThrottlingException: slow down');
    await cursors.save('s', 'a', 1);
    expect(await lastError('s')).toBeNull();
  });
});

describe.each(inDatabases)('SinkCursors on $kind', ({ make }) => {
  it('stores an error that no text column could hold as it is', async () => {
    const { cursors, lastError } = await make();
    await cursors.acquire('s', 'a', leaseMs);
    await cursors.saveError('s', 'a', `\0\uD800${'x'.repeat(5000)}`);
    expect(await lastError('s')).toBe(`\uFFFD\uFFFD${'x'.repeat(1998)}`);
  });

  it('gives a contended lease to exactly one', async () => {
    const { cursors } = await make();
    const holders = Array.from({ length: 8 }, (_, index) => `holder-${index}`);
    const leases = await Promise.all(holders.map((holder) => cursors.acquire('s', holder, leaseMs)));
    expect(leases.filter(({ held }) => held)).toHaveLength(1);
  });
});
