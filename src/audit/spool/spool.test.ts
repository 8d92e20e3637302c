import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
/** Loses events that never were in the spool. */
const lose = (spool: ReturnType<typeof openSpool>, reason: string, count: number) => {
  for (let n = 1; n <= count; n++) spool.refuse('log', { id: `${n}`, eventType: 'flag.created', entry: null }, reason);
};
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
        events: [],
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
    lose(spool, 'fate_unknown', 2);
    lose(spool, 'fate_unknown', 3);
    lose(spool, 'another', 1);
    const read = spool.losses('log');
    expect(read.map(({ reason, count }) => ({ reason, count }))).toEqual([
      { reason: 'fate_unknown', count: 5 },
      { reason: 'another', count: 1 },
    ]);
    lose(spool, 'fate_unknown', 7);
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
    spool.giveUp('log', ids, 'outbox_refused');
    const read = spool.losses('log');
    expect(read).toMatchObject([{ reason: 'outbox_refused', count: 2 }]);
    spool.giveUp('log', ids, 'outbox_refused');
    expect(spool.losses('log')).toEqual(read);
  });

  it('name the first twenty events that were given up, and add up what comes to them', () => {
    const { spool } = makeSpool();
    const entryOf = (n: number) => JSON.stringify({ id: `id-${n}`, eventType: 'flag.created' });
    for (const [from, to] of [
      [1, 15],
      [16, 40],
    ] as const) {
      spool.add(Array.from({ length: to - from + 1 }, (_, n) => event(`${entryOf(from + n)}\n["salt","name","value"]`)));
      spool.giveUp(
        'log',
        spool.read('log', 100).map(({ id }) => id),
        'outbox_refused',
      );
    }
    const named = Array.from({ length: 20 }, (_, n) => ({ id: `id-${n + 1}`, eventType: 'flag.created' }));
    expect(spool.losses('log')).toMatchObject([{ count: 40, events: named }]);
    spool.add([event('{"no":"name"}'), event('not even JSON')]);
    spool.giveUp(
      'log',
      spool.read('log', 2).map(({ id }) => id),
      'fate_unknown',
    );
    const unknown = { id: 'unknown', eventType: 'unknown' };
    expect(spool.losses('log')[1]).toMatchObject({ reason: 'fate_unknown', count: 2, events: [unknown, unknown] });
  });

  it('leave the events that were given up in a file of their owner, exactly as they were, with when and why', () => {
    const { spool, folder, clock } = makeSpool();
    expect(spool.deadLetters()).toBe(0);
    const entry = '{"eventType":"flag.created","id":"id-1","text":"ünïcode 🎏"}\n["salt","name","value"]';
    spool.add([event(entry), event('kept')]);
    spool.giveUp('log', [spool.read('log', 1)[0]?.id ?? 0], 'outbox_refused');
    clock.at = new Date('2026-01-01T00:01:00Z');
    spool.refuse('other', { id: 'id-2', eventType: 'flag.updated', entry: 'too long' }, 'entry_too_large');
    spool.refuse('other', { id: 'id-3', eventType: 'flag.updated', entry: null }, 'no form');
    const file = path.join(folder, 'dead-letters.ndjson');
    expect(
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      ...[
        {
          at: '2026-01-01T00:00:00.000Z',
          reason: 'outbox_refused',
          id: 'id-1',
          eventType: 'flag.created',
          logId: 'log',
          event: entry,
        },
      ],
      ...[
        {
          at: '2026-01-01T00:01:00.000Z',
          reason: 'entry_too_large',
          id: 'id-2',
          eventType: 'flag.updated',
          logId: 'other',
          event: 'too long',
        },
      ],
    ]);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(spool.deadLetters()).toBe(2);
    expect(entriesOf(spool)).toEqual(['kept']);
    rmSync(file);
    expect(spool.deadLetters()).toBe(0);
  });

  it('leave a bounded file: a full one becomes the older one, and what that held is gone and told', () => {
    const { spool, folder, problems } = makeSpool();
    const refuse = (id: string, size: number) =>
      spool.refuse('log', { id, eventType: 'flag.created', entry: 'x'.repeat(size) }, 'entry_too_large');
    const idsIn = (name: string) => readFileSync(path.join(folder, name), 'utf8').match(/id-\d/g);
    for (const n of [1, 2, 3]) refuse(`id-${n}`, 3_000_000);
    expect([idsIn('dead-letters.1.ndjson'), idsIn('dead-letters.ndjson')]).toEqual([['id-1', 'id-2'], ['id-3']]);
    expect([spool.deadLetters(), problems]).toEqual([3, []]);
    for (const n of [4, 5]) refuse(`id-${n}`, 3_000_000);
    expect([idsIn('dead-letters.1.ndjson'), idsIn('dead-letters.ndjson')]).toEqual([['id-3', 'id-4'], ['id-5']]);
    expect(problems).toEqual([expect.stringMatching(/was full: 2 older dead letters of .*dead-letters\.1\.ndjson are gone/)]);
    expect(spool.losses('log')).toMatchObject([{ count: 5 }]);
  });

  it('are counted where the dead letters cannot be written, and after a crash in the midst of one', () => {
    const { spool, folder, problems } = makeSpool();
    const file = path.join(folder, 'dead-letters.ndjson');
    mkdirSync(file);
    const letter = { id: 'id-1', eventType: 'flag.created', entry: 'x' };
    spool.refuse('log', letter, 'entry_too_large');
    expect(problems).toEqual([expect.stringMatching(/1 lost events could not be kept in .*dead-letters\.ndjson: EISDIR/)]);
    expect(spool.losses('log')).toMatchObject([{ count: 1 }]);
    rmSync(file, { recursive: true });
    writeFileSync(file, '{"at":"2026-01-01T00:0');
    spool.refuse('log', letter, 'entry_too_large');
    expect(readFileSync(file, 'utf8')).toMatch(/^\{"at":"2026-01-01T00:0\n\{"at":"2026-01-01T00:00:00.000Z".*\}\n$/);
  });

  it('keep their id over a restart, so that they are declared once', () => {
    const { spool, folder } = makeSpool();
    lose(spool, 'fate_unknown', 2);
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
    lose(spool, 'fate_unknown', 1);
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
    lose(spool, 'fate_unknown', 2);
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
