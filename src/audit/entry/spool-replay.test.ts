import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { expect, it, onTestFinished } from 'vitest';
import type { TransactionFate } from '../ports/spool.ts';
import { openSpool } from '../spool/spool.ts';
import { makeOutboxGate } from './outbox-gate.ts';
import { makeSpoolReplay } from './spool-replay.ts';

const logId = 'log';
const entryOf = (flagKey: string, n: number) => JSON.stringify({ flagKey, id: `id-${n}`, eventType: 'flag.updated' });

/** A replay with a real spool, and an outbox and transactions as the test wants them. */
const makeWorld = () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-replay-'));
  const spool = openSpool({ folder, maxBytes: 1e6, now: () => new Date(), newId: () => uuidv7(), onProblem: () => {} });
  const logger = pino({ level: 'silent' });
  const gate = makeOutboxGate({ spool, logId, onSpooled: () => {}, logger });
  const fates = new Map<string, TransactionFate>();
  const outbox: string[] = [];
  let wakeUps = 0;
  let refuses: (entry: string) => boolean = () => false;
  let onRecord = () => {};
  const replay = makeSpoolReplay({
    spool,
    gate,
    logId,
    fatesOf: async (ids) => new Map(ids.map((id) => [id, fates.get(id) ?? 'unknown'])),
    record: async (entries) => {
      await setImmediate();
      if (entries.some((entry) => refuses(entry))) return false;
      outbox.push(...entries);
      onRecord();
      return true;
    },
    toEntry: ({ eventType, metadata }) => JSON.stringify({ eventType, metadata }),
    onRecorded: () => wakeUps++,
    logger,
    random: () => 0,
  });
  onTestFinished(async () => {
    await replay.stop();
    spool.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    ...{ spool, gate, replay, fates, outbox, file: path.join(folder, 'dead-letters.ndjson') },
    /** How often the sequencer was told that there is something for it. */
    wakeUps: () => wakeUps,
    refuse: (which: typeof refuses) => {
      refuses = which;
    },
    whenRecorded: (then: typeof onRecord) => {
      onRecord = then;
    },
  };
};

it('an event whose transaction is under way holds up later ones of its flag, and no others', async () => {
  const { gate, replay, fates, outbox } = makeWorld();
  fates.set('1', 'in progress').set('2', 'committed');
  gate.spool([entryOf('a', 1)], '1');
  gate.spool([entryOf('a', 2), entryOf('b', 3)], '2');
  replay.start();
  await expect.poll(() => outbox).toEqual([entryOf('b', 3)]);
  // Few are left: other flags go to the outbox, while this one waits its turn.
  await expect.poll(() => gate.admits([entryOf('b', 4)])).toBe(true);
  expect(gate.admits([entryOf('a', 4)])).toBe(false);
  expect(gate.admits([entryOf('b', 4), entryOf('a', 4)])).toBe(false);
  fates.set('1', 'committed');
  await expect
    .poll(() => {
      replay.wake();
      return outbox;
    })
    .toEqual([entryOf('b', 3), entryOf('a', 1), entryOf('a', 2)]);
  await expect.poll(() => gate.isOpen()).toBe(true);
  expect(gate.admits([entryOf('a', 4)])).toBe(true);
});

it('an event that the outbox refuses for ever is declared lost by its name after five tries, kept in a file, and lets later ones of its flag pass', async () => {
  const { spool, gate, replay, outbox, refuse, file } = makeWorld();
  refuse((entry) => entry === entryOf('a', 1));
  gate.spool([entryOf('a', 1), entryOf('a', 2)], null);
  replay.start();
  // Every pass has something that the outbox takes: so it is the event that is wrong, and not the outbox.
  let n = 10;
  await expect
    .poll(
      () => {
        if (spool.counts().lost === 0 && !outbox.includes(entryOf('a', 2))) gate.spool([entryOf('b', n++)], null);
        replay.wake();
        return outbox.includes(entryOf('a', 2));
      },
      { timeout: 20_000, interval: 20 },
    )
    .toBe(true);
  await expect.poll(() => spool.counts(), { timeout: 5000 }).toEqual({ spooled: 0, lost: 0 });
  expect(outbox).not.toContain(entryOf('a', 1));
  expect(outbox.map((entry) => JSON.parse(entry)).filter(({ eventType }) => eventType === 'audit.loss')).toMatchObject([
    { metadata: { count: 1, reason: 'outbox_refused', events: [{ id: 'id-1', eventType: 'flag.updated' }], more: 0 } },
  ]);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ reason: 'outbox_refused', event: entryOf('a', 1) });
});

it.each([2, 30])(
  'while the outbox refuses everything, nothing of %i events is given up, and the gate stays closed',
  async (count) => {
    const { spool, gate, replay, outbox, refuse, wakeUps } = makeWorld();
    const refused = new Map<string, number>();
    refuse((entry) => Boolean(refused.set(entry, (refused.get(entry) ?? 0) + 1)));
    const entries = Array.from({ length: count }, (_, n) => entryOf(`flag-${n}`, n));
    gate.spool(entries, null);
    replay.start();
    // More often than what is refused alone is tried.
    await expect.poll(() => Math.max(...refused.values()), { timeout: 20_000 }).toBeGreaterThan(12);
    expect(gate.admits([entryOf('other', 1)])).toBe(false);
    expect(spool.counts()).toEqual({ spooled: count, lost: 0 });
    expect(wakeUps()).toBe(0);
    refuse(() => false);
    await expect.poll(() => outbox.toSorted(), { timeout: 5000 }).toEqual(entries.toSorted());
    await expect.poll(() => gate.isOpen()).toBe(true);
    expect(wakeUps()).toBeGreaterThan(0);
  },
);

it('an event of a transaction that was rolled back is dropped, one of which nobody knows is declared lost, and neither holds up others', async () => {
  const { spool, gate, replay, fates, outbox } = makeWorld();
  fates.set('1', 'aborted').set('2', 'unknown').set('3', 'committed');
  gate.spool([entryOf('a', 1)], '1');
  gate.spool([entryOf('b', 1)], '2');
  gate.spool([entryOf('a', 2), entryOf('b', 2)], '3');
  replay.start();
  await expect.poll(() => gate.isOpen()).toBe(true);
  await expect.poll(() => spool.counts()).toEqual({ spooled: 0, lost: 0 });
  expect(outbox).toEqual([
    entryOf('a', 2),
    entryOf('b', 2),
    expect.stringMatching(/"count":1,"reason":"transaction outcome no longer known"/),
  ]);
});

it('a loss is declared until the outbox has taken that, and then no more', async () => {
  const { spool, replay, outbox, refuse, wakeUps } = makeWorld();
  let refused = 0;
  refuse((entry) => entry.includes('audit.loss') && ++refused > 0);
  for (const n of [1, 2]) spool.refuse(logId, { id: `id-${n}`, eventType: 'flag.created', entry: null }, 'test');
  replay.start();
  await expect.poll(() => refused).toBeGreaterThan(0);
  expect(spool.counts()).toEqual({ spooled: 0, lost: 2 });
  refuse(() => false);
  await expect
    .poll(() => {
      replay.wake();
      return spool.counts().lost;
    })
    .toBe(0);
  replay.wake();
  await replay.stop();
  expect(outbox).toEqual([expect.stringMatching(/"count":2,"reason":"test"/)]);
  expect(wakeUps()).toBe(1);
});

it('events that are spooled without a pause do not keep the gate closed', async () => {
  const { gate, replay, whenRecorded } = makeWorld();
  let isBusy = true;
  let n = 0;
  const change = () => {
    n++;
    const entries = [entryOf(`flag-${n}`, n)];
    if (isBusy && !gate.admits(entries)) gate.spool(entries, null);
  };
  onTestFinished(() => {
    isBusy = false;
  });
  gate.close();
  whenRecorded(change);
  change();
  replay.start();
  await expect.poll(() => gate.admits([entryOf('another', 0)])).toBe(true);
});
