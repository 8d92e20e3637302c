import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../../../test/support/child-process.ts';
import type { SpooledEvent } from '../ports/spool.ts';
import { openSpool } from './spool.ts';
import type { Wait } from './spool-file.ts';

const makeFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flagtrail-spool-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** A spool with a clock that the test sets, and what it complained about. */
type Given = { folder?: string; maxBytes?: number; wait?: Wait };
const makeSpool = ({ folder = makeFolder(), maxBytes = 1_000_000, wait }: Given = {}) => {
  const clock = { at: new Date('2026-01-01T00:00:00Z') };
  const problems: string[] = [];
  const spool = openSpool({
    folder,
    maxBytes,
    now: () => clock.at,
    newId: (at) => uuidv7({ msecs: at.getTime() }),
    onProblem: (problem) => problems.push(problem),
    ...(wait && { wait }),
  });
  onTestFinished(() => spool.close());
  return { spool, folder, clock, problems, file: path.join(folder, 'spool.sqlite') };
};
const event = (entry: string, rest: Partial<SpooledEvent> = {}): SpooledEvent => ({
  entry,
  logId: 'log',
  transactionId: null,
  ...rest,
});
const entriesOf = (spool: ReturnType<typeof openSpool>, logId = 'log') => spool.read(logId, 10_000).map(({ entry }) => entry);
const startSpooler = async (folder: string, maxBytes = 1_000_000) => {
  const child = startProcess(new URL('../../../test/support/spool-process.ts', import.meta.url), [folder, String(maxBytes)]);
  expect(await child.nextMessage()).toBe('ready');
  return child;
};

describe('a spool', () => {
  it('gives events back oldest first, those of one log only, until they are removed', () => {
    const { spool } = makeSpool();
    expect(spool.add([event('{"n":1}', { transactionId: '77' }), event('{"other":true}', { logId: 'other' })])).toBe(0);
    expect(spool.add([event('{"n":2}'), event('{"n":3}')])).toBe(0);
    const [first, second] = spool.read('log', 2);
    expect([first, second]).toEqual([
      { id: expect.any(Number), logId: 'log', transactionId: '77', entry: '{"n":1}' },
      { id: expect.any(Number), logId: 'log', transactionId: null, entry: '{"n":2}' },
    ]);
    expect(spool.counts()).toEqual({ spooled: 4, lost: 0 });
    expect(spool.read('log', 10, first?.id).map(({ entry }) => entry)).toEqual(['{"n":2}', '{"n":3}']);
    spool.remove([first?.id ?? 0, second?.id ?? 0]);
    expect(entriesOf(spool)).toEqual(['{"n":3}']);
    expect(entriesOf(spool, 'other')).toEqual(['{"other":true}']);
    expect(spool.counts()).toEqual({ spooled: 2, lost: 0 });
  });

  it('never touches the disk while there is nothing to spool', () => {
    const { spool, folder } = makeSpool({ folder: path.join(makeFolder(), 'data') });
    expect(spool.read('log', 10)).toEqual([]);
    expect(spool.losses('log')).toEqual([]);
    expect(spool.counts()).toEqual({ spooled: 0, lost: 0 });
    spool.remove([1]);
    spool.removeLosses([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('keeps every byte of an entry', () => {
    const { spool } = makeSpool();
    const entry = JSON.stringify({ text: 'ünïcode 🎏 \u0000 \\ "quoted" \u2028', long: 'x'.repeat(200_000) });
    spool.add([event(entry)]);
    expect(entriesOf(spool)).toEqual([entry]);
  });

  it('is found by another process, and by the next one after it was closed', async () => {
    const { spool, folder } = makeSpool();
    spool.add([event('mine')]);
    const child = await startSpooler(folder);
    child.send({ add: 1, size: 5, prefix: 'its' });
    await child.nextMessage();
    expect(entriesOf(spool)).toEqual(['mine', 'its-1']);
    spool.close();
    expect(entriesOf(makeSpool({ folder }).spool)).toEqual(['mine', 'its-1']);
  });

  it('has every event on disk that `add` has returned for, when the process is killed with SIGKILL', async () => {
    const { spool, folder } = makeSpool();
    const child = await startSpooler(folder);
    child.send({ add: 100, size: 1_000, prefix: 'acknowledged' });
    expect(await child.nextMessage()).toEqual({ lost: 0 });
    child.send({ add: 1_000_000, size: 1_000, prefix: 'cut off' });
    // The kill has to come in the midst of writing.
    await expect.poll(() => spool.counts().spooled).toBeGreaterThan(110);
    await child.kill();
    const entries = entriesOf(spool);
    expect(entries.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, n) => `acknowledged-${n + 1}`.padEnd(1_000, '.')));
    expect(entries.slice(100)).toEqual(entries.slice(100).map((_, n) => `cut off-${n + 1}`.padEnd(1_000, '.')));
    expect(spool.counts().spooled).toBe(entries.length);
  });

  it('takes events from several processes at once and loses none', async () => {
    const { spool, folder } = makeSpool();
    const children = await Promise.all([startSpooler(folder), startSpooler(folder), startSpooler(folder)]);
    for (const [n, child] of children.entries()) child.send({ add: 200, size: 100, prefix: `process ${n}` });
    for (const child of children) expect(await child.nextMessage()).toEqual({ lost: 0 });
    const expected = [0, 1, 2].flatMap((n) => Array.from({ length: 200 }, (_, i) => `process ${n}-${i + 1}`.padEnd(100, '.')));
    expect(entriesOf(spool).toSorted()).toEqual(expected.toSorted());
  });
});

describe('a spool whose file somebody else holds', () => {
  /** `hold` holds the file until this process has waited for so long. */
  const makeHeld = () => {
    const folder = makeFolder();
    let waitedMs = 0;
    let release: { atMs: number; holder: DatabaseSync } | null = null;
    const letGo = () => {
      release?.holder.close();
      release = null;
    };
    const wait: Wait = {
      nowMs: () => waitedMs,
      pause: () => {
        waitedMs += 250;
        if (release && waitedMs >= release.atMs) letGo();
      },
    };
    const made = makeSpool({ folder, wait });
    made.spool.add([event('first')]);
    onTestFinished(letGo);
    return {
      ...made,
      hold: (forMs: number) => {
        const holder = new DatabaseSync(made.file);
        holder.exec('BEGIN EXCLUSIVE');
        release = { atMs: waitedMs + forMs, holder };
      },
      letGo,
      /** What was answered, and how long that took to come. */
      timed: <T>(call: () => T) => {
        const before = waitedMs;
        return { answer: call(), waitedMs: waitedMs - before };
      },
    };
  };

  it('keeps an event waiting for its turn, for seconds, and does not lose it', () => {
    const { spool, hold, timed } = makeHeld();
    hold(2_500);
    expect(timed(() => spool.add([event('second')]))).toEqual({ answer: 0, waitedMs: 2_500 });
    expect(entriesOf(spool)).toEqual(['first', 'second']);
    expect(spool.counts()).toEqual({ spooled: 2, lost: 0 });
  });

  it('keeps a look waiting for a second, and an event after that for its three all the same', () => {
    const { spool, hold, timed, problems } = makeHeld();
    hold(2_500);
    expect(timed(() => spool.read('log', 10))).toEqual({ answer: [], waitedMs: 1_000 });
    expect(problems).toEqual([expect.stringContaining('locked')]);
    expect(timed(() => spool.add([event('second')]))).toEqual({ answer: 0, waitedMs: 1_500 });
  });

  it('loses an event after three seconds, the next ones after one, and none any more when its file is free again', () => {
    const { spool, hold, letGo, timed, problems } = makeHeld();
    hold(Number.POSITIVE_INFINITY);
    expect(timed(() => spool.add([event('lost')]))).toEqual({ answer: 1, waitedMs: 3_000 });
    expect(timed(() => spool.add([event('lost, too')]))).toEqual({ answer: 1, waitedMs: 1_000 });
    expect(timed(() => spool.read('log', 10))).toEqual({ answer: [], waitedMs: 1_000 });
    expect(timed(() => spool.add([event('lost as well')]))).toEqual({ answer: 1, waitedMs: 1_000 });
    expect(problems).toHaveLength(1);
    letGo();
    expect(spool.add([event('second')])).toBe(0);
    expect(spool.losses('log')).toMatchObject([{ reason: 'spool_unavailable', count: 3 }]);
    hold(2_500);
    expect(timed(() => spool.add([event('third')]))).toEqual({ answer: 0, waitedMs: 2_500 });
    expect(entriesOf(spool)).toEqual(['first', 'second', 'third']);
  });
});

describe('the bound of a spool', () => {
  it('refuses what does not fit, tells how many, and declares them lost; delivered and lost are what was produced', () => {
    const { spool, clock } = makeSpool({ maxBytes: 1_000 });
    expect(spool.add(Array.from({ length: 8 }, (_, n) => event(String(n).padEnd(100, '.'))))).toBe(0);
    clock.at = new Date('2026-01-01T00:00:10Z');
    expect(spool.add(Array.from({ length: 5 }, (_, n) => event(String(n).padEnd(100, '.'))))).toBe(3);
    clock.at = new Date('2026-01-01T00:00:20Z');
    expect(spool.add([event('x'), event('y', { logId: 'other' })])).toBe(2);
    expect(spool.losses('log')).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        logId: 'log',
        reason: 'spool_full',
        count: 4,
        since: new Date('2026-01-01T00:00:10Z'),
        until: new Date('2026-01-01T00:00:20Z'),
      },
    ]);
    expect(spool.losses('other')).toMatchObject([{ count: 1 }]);
    expect(spool.counts()).toEqual({ spooled: 10, lost: 5 });
  });

  it('counts bytes and not characters', () => {
    const { spool } = makeSpool({ maxBytes: 10 });
    expect(spool.add([event('éééééé')])).toBe(1);
    expect(spool.add([event('ééééé')])).toBe(0);
  });

  it('has room again where events were removed, and when another process uses it', async () => {
    const { spool, folder } = makeSpool({ maxBytes: 1_000 });
    const child = await startSpooler(folder, 1_000);
    child.send({ add: 12, size: 100, prefix: 'its' });
    expect(await child.nextMessage()).toEqual({ lost: 2 });
    expect(spool.add([event('mine'.padEnd(100, '.'))])).toBe(1);
    spool.remove(spool.read('log', 1).map(({ id }) => id));
    expect(spool.add([event('mine'.padEnd(100, '.'))])).toBe(0);
    expect(spool.losses('log')).toMatchObject([{ count: 3 }]);
  });
});

describe('losses', () => {
  it('add up for each log and reason until they are read; what comes later is another loss', () => {
    const { spool } = makeSpool();
    spool.addLoss('log', 'fate_unknown', 2);
    spool.addLoss('log', 'fate_unknown', 3);
    spool.addLoss('log', 'another', 1);
    const read = spool.losses('log');
    expect(read.map(({ reason, count }) => ({ reason, count }))).toEqual([
      { reason: 'fate_unknown', count: 5 },
      { reason: 'another', count: 1 },
    ]);
    spool.addLoss('log', 'fate_unknown', 7);
    const again = spool.losses('log');
    expect(again.slice(0, 2)).toEqual(read);
    expect(again[2]).toMatchObject({ reason: 'fate_unknown', count: 7 });
    spool.removeLosses(read);
    expect(spool.losses('log')).toEqual(again.slice(2));
    expect(spool.counts()).toEqual({ spooled: 0, lost: 7 });
  });

  it('are counted once where two processes give up the same events, and nothing is declared for none', () => {
    const { spool } = makeSpool();
    spool.add([event('1'), event('2')]);
    const ids = spool.read('log', 2).map(({ id }) => id);
    spool.setAside('log', ids, 'outbox_refused');
    const read = spool.losses('log');
    expect(read).toMatchObject([{ reason: 'outbox_refused', count: 2 }]);
    spool.setAside('log', ids, 'outbox_refused');
    expect(spool.losses('log')).toEqual(read);
  });

  it('leave the last 1,000 events that were given up where people can look at them, and no more', () => {
    const { spool, file } = makeSpool();
    for (const batch of ['first', 'second']) {
      spool.add(Array.from({ length: 600 }, (_, n) => event(`${batch} ${n}`)));
      const ids = spool.read('log', 600).map(({ id }) => id);
      spool.setAside('log', ids, 'outbox_refused');
    }
    expect(spool.losses('log')).toMatchObject([{ count: 1200 }]);
    spool.close();
    const database = new DatabaseSync(file, { readOnly: true });
    onTestFinished(() => database.close());
    const kept = database
      .prepare('SELECT entry FROM set_aside ORDER BY id')
      .all()
      .map(({ entry }) => entry);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([1000, 'first 200', 'second 599']);
  });

  it('keep their id over a restart, so that they are declared once', () => {
    const { spool, folder } = makeSpool();
    spool.addLoss('log', 'fate_unknown', 2);
    const read = spool.losses('log');
    spool.close();
    expect(makeSpool({ folder }).spool.losses('log')).toEqual(read);
  });
});

describe('a disk that does not take events', () => {
  it('loses them without an exception, tells it once, and declares them from memory', () => {
    const folder = path.join(makeFolder(), 'data');
    writeFileSync(folder, 'not a folder');
    const { spool, problems } = makeSpool({ folder });
    expect(spool.add([event('1'), event('2')])).toBe(2);
    expect(spool.add([event('3')])).toBe(1);
    spool.addLoss('log', 'fate_unknown', 1);
    expect(problems).toEqual([expect.stringContaining(folder)]);
    expect(spool.counts()).toEqual({ spooled: 0, lost: 4 });
    const read = spool.losses('log');
    expect(read).toMatchObject([
      { reason: 'spool_unavailable', count: 3 },
      { reason: 'fate_unknown', count: 1 },
    ]);
    spool.removeLosses(read.slice(0, 1));
    expect(spool.losses('log')).toEqual(read.slice(1));
  });

  it('has the losses from memory as soon as it takes something again, the same ones under the same ids', () => {
    const folder = path.join(makeFolder(), 'data');
    writeFileSync(folder, 'not a folder');
    const { spool } = makeSpool({ folder });
    spool.add([event('1'), event('2')]);
    const read = spool.losses('log');
    spool.add([event('3')]);
    rmSync(folder);
    expect(spool.add([event('4')])).toBe(0);
    spool.close();
    const next = makeSpool({ folder }).spool;
    expect(next.losses('log')).toEqual([...read, expect.objectContaining({ count: 1 })]);
    expect(entriesOf(next)).toEqual(['4']);
    expect(next.counts()).toEqual({ spooled: 1, lost: 3 });
  });

  it.skipIf(process.platform === 'win32')(
    'being full loses what does not fit; delivered and declared lost are what was produced',
    async () => {
      const { spool, folder } = makeSpool();
      const limited = startProcess(new URL('../../../test/support/spool-process.ts', import.meta.url), [folder, '1000000'], {
        maxFileKiB: 64,
      });
      expect(await limited.nextMessage()).toBe('ready');
      limited.send({ add: 200, size: 1_000, prefix: 'event' });
      const { lost } = (await limited.nextMessage()) as { lost: number };
      expect(lost).toBeGreaterThan(100);
      expect(entriesOf(spool)).toHaveLength(200 - lost);
      limited.send({ losses: true });
      expect(await limited.nextMessage()).toEqual([{ reason: 'spool_unavailable', count: lost }]);
    },
  );
});

describe('a corrupted file', () => {
  it('is moved aside, and the spool works on', () => {
    const { spool, folder, file, problems } = makeSpool();
    writeFileSync(file, 'this was never a database, and it is longer than the header of one would be '.repeat(20));
    expect(spool.counts()).toEqual({ spooled: 0, lost: 0 });
    expect(spool.add([event('1')])).toBe(0);
    expect(entriesOf(spool)).toEqual(['1']);
    expect(readdirSync(folder).filter((name) => name.includes('corrupt'))).toEqual([
      'spool.sqlite.corrupt-2026-01-01T00-00-00.000Z',
    ]);
    expect(problems).toEqual([expect.stringMatching(/was corrupted .* is now .*spool\.sqlite\.corrupt-.*; 0 events were saved/)]);
  });

  it('gives up what can still be read of it, and the rest is declared lost', () => {
    const { spool, folder, file } = makeSpool();
    spool.add(Array.from({ length: 200 }, (_, n) => event(`${n}`.padEnd(500, '.'))));
    spool.addLoss('log', 'fate_unknown', 2);
    const known = spool.losses('log');
    spool.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, bytes.length - 20_000);
    writeFileSync(file, bytes);

    const next = makeSpool({ folder }).spool;
    expect(next.add([event('new'), ...Array.from({ length: 50 }, () => event('more'.padEnd(500, '.')))])).toBe(0);
    const kept = entriesOf(next).filter((entry) => !entry.startsWith('new') && !entry.startsWith('more'));
    expect(kept.length).toBeGreaterThan(50);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => `${n}`.padEnd(500, '.')));
    expect(next.losses('log')).toEqual([
      ...known,
      expect.objectContaining({ reason: 'spool_corrupted', count: 200 - kept.length }),
    ]);
  });

  it('that another process has moved aside is left by the others, too, and ids do not come twice', async () => {
    const { spool, folder, file } = makeSpool();
    spool.add([event('before')]);
    const oldIds = spool.read('log', 1).map(({ id }) => id);
    rmSync(file);
    writeFileSync(file, 'garbage '.repeat(200));
    const child = await startSpooler(folder);
    child.send({ add: 1, size: 5, prefix: 'its' });
    expect(await child.nextMessage()).toEqual({ lost: 0 });
    expect(spool.add([event('mine')])).toBe(0);
    spool.remove(oldIds);
    expect(entriesOf(makeSpool({ folder }).spool)).toEqual(['its-1', 'mine']);
  });
});
