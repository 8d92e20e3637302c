import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readBoundedFile } from '../../src/cli/read-bounded-file.ts';
import { readFromFolder } from '../../src/verify/read-tiles.ts';
import { exitCodeOf } from '../../src/verify/report.ts';
import { verifyBundle } from '../../src/verify/verify.ts';
import { aLogin } from '../support/attacked-log.ts';
import { aBundledEvent, type BundledEvent, filesOfLog, pathOf, writeFiles } from '../support/bundle-writer.ts';
import { makeLogSigner, rootOf } from '../support/log-signer.ts';
import { temporaryFolder } from '../support/service.ts';

const signer = makeLogSigner('flagtrail/01900000-0000-4000-8000-000000000001');
const size = 700;
let events: BundledEvent[];
let files: Map<string, Buffer>;
beforeAll(() => {
  events = Array.from({ length: size }, (_, n) => aBundledEvent(n + 1, aLogin(n)));
  files = filesOfLog(events, signer);
});

type Given = { pins?: readonly string[]; keys?: readonly string[] };
const verify = async (bundle: ReadonlyMap<string, Buffer>, { pins = [], keys = [signer.line] }: Given = {}) => {
  const folder = temporaryFolder();
  writeFiles(folder, bundle);
  return verifyBundle(readFromFolder(folder, readBoundedFile), {
    keys,
    pins: pins.map((note, n) => ({ name: `pin ${n + 1}`, note })),
  });
};
/** The bundle with other files; null: without. */
const withFiles = (changes: { [name: string]: Buffer | null }): Map<string, Buffer> => {
  const changed = new Map(files);
  for (const [name, bytes] of Object.entries(changes)) {
    expect(files.has(name), name).toBe(true);
    if (bytes) changed.set(name, bytes);
    else changed.delete(name);
  }
  return changed;
};
const file = (name: string): Buffer => Buffer.from(files.get(name) ?? expect.unreachable(name));
const replaced = (name: string, from: string, to: string): Buffer => {
  expect(file(name).includes(from)).toBe(true);
  return Buffer.from(file(name).toString('latin1').replace(from, to), 'latin1');
};

it('is good as it was exported, with nothing else at hand but the key', async () => {
  const report = await verify(files);
  expect(report).toMatchObject({ outcome: 'good', size, signedTo: size, warnings: [], states: null });
  // Two full tiles and a partial one of the leaves, and the tile above them.
  expect(report.checked).toMatchObject({ entries: size, tiles: 4, checkpoints: 1, disclosures: size * 6 });
});

it('is good beside older pins', async () => {
  const leaves = (to: number) => rootOf(events.slice(0, to).map(({ entry }) => leaf(entry)));
  const pins = [0, 1, 255, 256, 257, 700].map((at) => signer.checkpoint(at, leaves(at)));
  expect(await verify(files, { pins })).toMatchObject({ outcome: 'good', checked: { pins: 6 } });
});
const leaf = (entry: string) => Buffer.from(filesOfLog([{ entry, disclosures: [] }], signer).get('tile/0/000.p/1') ?? '');

it('says of a log that declares losses that it is not complete', async () => {
  const lossOf = (count: number) => ({
    entry: JSON.stringify({ id: `loss-${count}`, eventType: 'audit.loss', metadata: { count, reason: 'spool_full' } }),
    disclosures: [],
  });
  const report = await verify(filesOfLog([...events, lossOf(3), lossOf(4)], signer));
  expect(report).toMatchObject({ outcome: 'good', checked: { declaredLost: 7 } });
  expect(report.warnings).toEqual([expect.stringMatching(/not complete: it declares that 7 events were lost/)]);
});

it('holds entries that are too long for a bundle of entries', async () => {
  const long = {
    entry: JSON.stringify({ id: 'old', eventType: 'auth.login', description: 'x'.repeat(70_000) }),
    disclosures: [],
  };
  const bundle = filesOfLog([...events, long], signer);
  expect(await verify(bundle)).toMatchObject({ outcome: 'good', checked: { oldEntries: 1 } });
  bundle.delete(`large-entries/${size + 1}`);
  expect((await verify(bundle)).finding).toMatchObject({ kind: 'missing', from: size + 1 });
});

it('is good without its disclosures, and the report says that they were not checked', async () => {
  const without = new Map([...files].filter(([name]) => !name.startsWith('disclosures')));
  expect(await verify(without)).toMatchObject({
    outcome: 'good',
    warnings: [expect.stringContaining('disclosures of 700 events are not given')],
  });
});

const entries0 = pathOf('tile/entries', 0);
const tampered: { what: string; bundle: () => Map<string, Buffer>; found: object; given?: Given }[] = [
  {
    what: 'an entry is edited',
    bundle: () => withFiles({ [entries0]: replaced(entries0, 'user-3"', 'user-9"') }),
    found: { kind: 'entry', from: 4, to: 4 },
  },
  {
    what: 'an entry and all tiles are edited',
    bundle: () => {
      const other = [...events];
      other[3] = aBundledEvent(4, aLogin(9));
      const rewritten = filesOfLog(other, signer);
      return rewritten.set('checkpoint', file('checkpoint'));
    },
    found: { kind: 'root', from: 1, to: size },
  },
  {
    what: 'a disclosure is edited',
    bundle: () => withFiles({ [pathOf('disclosures', 1)]: replaced(pathOf('disclosures', 1), '"]', 'A"]') }),
    found: { kind: 'disclosure', from: 257, to: 257 },
  },
  {
    what: 'entries are missing, and no event declares it',
    bundle: () => withFiles({ [entries0]: null }),
    found: { kind: 'missing', from: 1, to: 256 },
  },
  {
    what: 'a bundle of entries is cut',
    bundle: () => withFiles({ [entries0]: file(entries0).subarray(0, -1) }),
    found: { kind: 'missing', from: 256, to: 256 },
  },
  {
    what: 'a bundle of entries is longer',
    bundle: () => withFiles({ [entries0]: Buffer.concat([file(entries0), Buffer.alloc(2)]) }),
    found: { kind: 'extra' },
  },
  {
    what: 'a tile is missing',
    bundle: () => withFiles({ [pathOf('tile/0', 1)]: null }),
    found: { kind: 'tile', from: 257, to: 512 },
  },
  {
    what: 'the tile above is missing',
    bundle: () => withFiles({ [pathOf('tile/1', 0, 2)]: null }),
    found: { kind: 'tile', from: 1, to: 512 },
  },
  {
    what: 'the checkpoint is no note',
    bundle: () => withFiles({ checkpoint: Buffer.from('no note') }),
    found: { kind: 'checkpoint' },
  },
  {
    what: 'another key signed it',
    bundle: () => filesOfLog(events, makeLogSigner(signer.name)),
    found: { kind: 'key', from: 1, to: size },
  },
  {
    what: 'it is shorter than a pin',
    bundle: () => filesOfLog(events.slice(0, 600), signer),
    found: { kind: 'rollback', from: 601, to: size },
    given: { pins: ['its own checkpoint'] },
  },
];

it.each(tampered)('is tampered with where $what', async ({ bundle, found, given }) => {
  const pins = given?.pins?.map(() => file('checkpoint').toString());
  const report = await verify(bundle(), { ...given, pins });
  expect(report.finding).toMatchObject(found);
  expect(exitCodeOf(report)).toBe(1);
});

describe('it could not be checked', () => {
  it('without a key, because nobody knows who signed it', async () => {
    const report = await verify(files, { keys: [] });
    expect([report.reason, exitCodeOf(report)]).toEqual([expect.stringContaining("give the log's key with --key"), 2]);
  });

  it('where the folder holds no bundle', async () => {
    const report = await verify(new Map([['something', Buffer.from('else')]]));
    expect([report.reason, exitCodeOf(report)]).toEqual([expect.stringContaining('no checkpoint'), 2]);
  });

  it.each([
    ['a file that never ends, such as a pipe', (name: string) => execFileSync('mkfifo', [name]), 'it is no file'],
    [
      'a file that would fill the memory',
      (name: string) => truncateSync(name, 2 ** 40),
      'it has 1099511627776 bytes; allowed: up to 8192',
    ],
  ])('where it holds %s', async (_what, plant, says) => {
    const folder = temporaryFolder();
    writeFiles(folder, files);
    const tile = path.join(folder, pathOf('tile/0', 1));
    if (says.includes('no file')) rmSync(tile);
    plant(tile);
    const report = await verifyBundle(readFromFolder(folder, readBoundedFile), { keys: [signer.line], pins: [] });
    expect([report.reason, exitCodeOf(report)]).toEqual([expect.stringContaining(says), 2]);
  });
});
